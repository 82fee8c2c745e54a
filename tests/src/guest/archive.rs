//! The archive that Linux unpacks into a guest's memory: cpio in the form "newc" (Linux,
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).

/// Files and folders; a folder goes before what is in it.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
}

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const LAST: &str = "TRAILER!!!";

impl Archive {
    pub(super) fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER, &[]);
    }

    /// A file that may be executed.
    pub(super) fn program(&mut self, name: &str, contents: &[u8]) {
        self.entry(name, PROGRAM, contents);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(LAST, 0, &[]);
        self.bytes
    }

    /// Thirteen numbers of eight hexadecimal digits behind the magic one: inode, mode, owner, group, links, time, length, devices
    /// (four), length of the name with its zero, checksum. Name and contents are filled up to four bytes.
    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) {
        let (length, named) = (contents.len(), name.len() + 1);
        let header = format!(
            "070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{length:08x}{:08x}{:08x}{:08x}{:08x}{named:08x}{:08x}",
            0, 0, 0, 1, 0, 0, 0, 0, 0, 0
        );
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.fill();
        self.bytes.extend(contents);
        self.fill();
    }

    fn fill(&mut self) {
        let full = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(full, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_as_linux_describes_it() {
        let mut archive = Archive::default();
        archive.folder("bin");
        archive.program("bin/a", b"abcde");
        let bytes = archive.finish();
        let none = "00000000";
        let header = |mode: &str, links: &str, length: &str, named: &str| {
            let devices = none.repeat(4);
            format!("070701{none}{mode}{none}{none}{links}{none}{length}{devices}{named}{none}").into_bytes()
        };
        let one = "00000001";
        let expected = [
            header("000041ed", one, none, "00000004"),
            b"bin\0\0\0".to_vec(),
            header("000081ed", one, "00000005", "00000006"),
            b"bin/a\0abcde\0\0\0".to_vec(),
            header(none, one, none, "0000000b"),
            b"TRAILER!!!\0\0\0\0".to_vec(),
        ];
        assert_eq!(bytes, expected.concat());
    }
}
