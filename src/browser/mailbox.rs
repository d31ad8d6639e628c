//! Where JavaScript finds the results of a call: a few words at a fixed place in WASM memory.

/// Which word is what; behind an address lies its length. `ts/bridge.ts` names them in the same order.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Word {
    /// JSON texts of rows.
    Output = 0,
    /// A word for each row; see [`super::sinks`].
    Results = 2,
    /// A query that goes on.
    Run = 4,
    /// Pages that have to be waited for.
    Read = 5,
    /// A handle, a number of documents, or the low word of a count.
    Number = 6,
    /// The high word of a count.
    NumberHigh = 7,
    /// An error's code, as its position in `Code::ALL`.
    Code = 8,
    /// An error's message, or another text.
    Text = 9,
    /// How many bytes the input buffer holds.
    Capacity = 11,
    /// Where in a document the error is; empty where that says nothing.
    Path = 12,
    /// The append under way: see [`crate::tab::Tab::flight_note`]. Read when the engine has trapped.
    Flight = 14,
}

const WORDS: usize = 16;

/// How a call ended. `ts/bridge.ts` names them in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    /// Everything is there.
    Done = 0,
    /// There is no such document.
    Nothing = 1,
    /// Wait for the pages of word `Read`, then call again.
    Missing = 2,
    /// The state that was read is gone: begin again.
    Stale = 3,
    /// The index is being built: wait for the schema to change, then begin again.
    Building = 4,
    /// Word `Code` and the text say why.
    Failed = 5,
    /// There is more; step the run.
    Paused = 6,
    /// The mutation has to run again.
    RunAgain = 7,
    /// The mutation waits to be saved; the listener will hear of it.
    Queued = 8,
}

/// The words, at an address that never changes.
pub(crate) struct Mailbox(Box<[u32; WORDS]>);

impl Mailbox {
    pub(crate) fn new() -> Self {
        Mailbox(Box::new([0; WORDS]))
    }

    pub(crate) fn address(&self) -> u32 {
        self.0.as_ptr() as u32
    }

    pub(crate) fn set(&mut self, word: Word, value: u32) {
        self.0[word as usize] = value;
    }

    pub(crate) fn set_bytes(&mut self, word: Word, bytes: &[u8]) {
        self.0[word as usize] = bytes.as_ptr() as u32;
        self.0[word as usize + 1] = bytes.len() as u32;
    }

    pub(crate) fn set_words(&mut self, word: Word, words: &[u32]) {
        self.0[word as usize] = words.as_ptr() as u32;
        self.0[word as usize + 1] = words.len() as u32;
    }

    pub(crate) fn set_number(&mut self, number: u64) {
        self.set(Word::Number, number as u32);
        self.set(Word::NumberHigh, (number >> 32) as u32);
    }
}
