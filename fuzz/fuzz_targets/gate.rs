#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holdfast::fuzz::gate(bytes));
