//! Parse: any text compiles or is refused, with a span inside it; nothing panics or overflows the stack.
#![no_main]

use libfuzzer_sys::fuzz_target;
use p13n::expr::{FieldTable, Names, ProfileNames, compile};

fuzz_target!(|source: &str| {
    let mut fields = FieldTable::default();
    let names = &mut Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
    let said = |names: &mut Names<'_>| compile(source, names).map(drop);
    match said(names) {
        Ok(()) => assert!(said(names).is_ok(), "twice the same"),
        Err(error) => {
            assert!(source.get(error.span.clone()).is_some(), "{:?} of {source:?}", error.span);
            assert!(!error.message.is_empty());
            let again = said(names).expect_err("twice the same");
            assert_eq!((error.span, error.message), (again.span, again.message));
        }
    }
});
