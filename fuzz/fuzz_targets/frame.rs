#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holdfast::fuzz::frame(bytes));
