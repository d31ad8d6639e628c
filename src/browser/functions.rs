//! What the functions of an app need: validators of their arguments and results, and parts of a mutation.

use super::engine::Engine;
use super::inner::{Inner, torn};
use super::mailbox::{Status, Word};
use crate::bytes::Reader;
use crate::document::{self, Names};
use crate::error::{Code, Result};
use crate::schema::Validator;
use crate::tab::TransactionId;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Engine {
    /// Reads the validator in the input buffer; its number for [`Engine::check`] is in the word `Number`.
    pub fn validator(&self, length: u32) -> u32 {
        self.shared.enter(|inner| match inner.read_validator(length) {
            Ok(number) => {
                inner.mailbox.set(Word::Number, number);
                Status::Done
            }
            Err(error) => inner.fail(error),
        }) as u32
    }

    /// Checks the value in the input buffer: the arguments of a function, or its result.
    pub fn check(&self, validator: u32, length: u32, is_result: bool) -> u32 {
        self.shared.enter(|inner| {
            let result = inner.check_value(validator, length, is_result);
            inner.done(result)
        }) as u32
    }

    /// Begins a part of a transaction, which can be taken back.
    #[wasm_bindgen(js_name = beginPart)]
    pub fn begin_part(&self, transaction: u32) -> u32 {
        self.shared.enter(|inner| {
            let result = inner.tab.begin_part(TransactionId(transaction));
            inner.done(result)
        }) as u32
    }

    /// Ends the part that began last, and keeps what it wrote or takes it back.
    #[wasm_bindgen(js_name = endPart)]
    pub fn end_part(&self, transaction: u32, is_kept: bool) -> u32 {
        self.shared.enter(|inner| {
            let result = inner.tab.end_part(TransactionId(transaction), is_kept);
            inner.done(result)
        }) as u32
    }
}

impl Inner {
    fn read_validator(&mut self, length: u32) -> Result<u32> {
        let json =
            document::decode_deep_value(&mut Reader::new(self.input_bytes(length))).map_err(|_| torn("A validator"))?;
        self.validators.push(Validator::from_value(&json)?);
        Ok(self.validators.len() as u32 - 1)
    }

    fn check_value(&self, validator: u32, length: u32, is_result: bool) -> Result<()> {
        let mut reader = Reader::new(self.input_bytes(length));
        let value = document::decode_value(&mut reader, &Names::new()).map_err(|_| torn("A value"))?;
        let validator = self.validators.get(validator as usize).ok_or_else(|| torn("A validator"))?;
        let code = if is_result { Code::ReturnsValidationError } else { Code::ArgumentValidationError };
        validator.check_value(&value, self.tab.schema().numbers()).map_err(|mismatch| mismatch.call_error(code))
    }
}
