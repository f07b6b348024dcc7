//! The fields of a packet, taken from its front. What is not there is `None`: the stream is then not understood.

/// The size that attributes set, if they do.
const SIZE: u32 = 1;

/// The fields of a packet.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.string()?).into_owned())
    }

    pub(super) fn texts(&mut self, count: usize) -> Option<Vec<String>> {
        (0..count).map(|_| self.text()).collect()
    }

    /// The size that attributes set, if they do.
    pub(super) fn size(&mut self) -> Option<Option<u64>> {
        let sets_size = self.number()? & SIZE != 0;
        if sets_size { self.long().map(Some) } else { Some(None) }
    }
}
