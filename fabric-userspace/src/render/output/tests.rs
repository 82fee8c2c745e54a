use std::cell::RefCell;
use std::rc::Rc;

use super::*;

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("UTF-8")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Failing(ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn output(out: impl Write + 'static, err: impl Write + 'static, is_terminal: bool) -> Output {
    Output {
        out: Stream::new(Box::new(out), is_terminal, ColorChoice::Never),
        err: Stream::new(Box::new(err), is_terminal, ColorChoice::Never),
        json: false,
        drawn: None,
    }
}

#[test]
fn a_reader_that_left_is_no_error_and_a_full_disk_is() {
    let output_to = |kind| output(Failing(kind), Shared::default(), false);
    let mut piped = output_to(ErrorKind::BrokenPipe);
    assert!(piped.answer(&["x".into()]).is_ok() && piped.is_closed());
    let refusal = output_to(ErrorKind::StorageFull)
        .answer(&["x".into()])
        .expect_err("no room");
    assert_eq!(refusal.code, codes::FAILED);
}

#[test]
fn a_terminal_is_redrawn_in_place_and_a_file_appended_to() {
    let (terminal, file) = (Shared::default(), Shared::default());
    for (shared, is_terminal) in [(&terminal, true), (&file, false)] {
        let mut output = output(shared.clone(), Shared::default(), is_terminal);
        for picture in ["one", "two"] {
            output
                .redraw(&[picture.into(), "end".into()])
                .expect("memory takes it");
        }
    }
    assert_eq!(file.text(), "one\nend\n\ntwo\nend\n");
    let expected = "\x1b[?7lone\nend\n\x1b[?7h\x1b[2A\r\x1b[J\x1b[?7ltwo\nend\n\x1b[?7h";
    assert_eq!(terminal.text(), expected);
}

#[test]
fn errors_are_lines_for_people_and_an_object_for_programs() {
    let refusal = Refusal::new(codes::BAD_VALUE, "it\nis wrong").with_cure("fabric schema");
    let people = Shared::default();
    output(Shared::default(), people.clone(), false).refuse(&refusal);
    assert_eq!(
        people.text(),
        "error: it\\nis wrong\n  cure: fabric schema\n  code: bad-value\n"
    );
    let programs = Shared::default();
    let mut for_programs = output(Shared::default(), programs.clone(), false);
    for_programs.json = true;
    for_programs.refuse(&refusal);
    for_programs.note(&"a note".into());
    let expected = r#"{
  "schema": "fabric/1",
  "kind": "error",
  "error": {
    "sentence": "it\nis wrong",
    "cure": "fabric schema",
    "code": "bad-value",
    "path": null,
    "also": []
  }
}
"#;
    assert_eq!(programs.text(), expected);
}
