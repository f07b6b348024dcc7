//! Evidence as the body of an answer, for the API and the pages: read as fast as it is taken, and held nowhere.

use axum::body::Body;
use byleave_store::evidence::Export;
use futures_util::stream;

/// An answer's body. What goes wrong on the way breaks it off, so that nobody takes a part for the whole.
pub(crate) fn pieces(export: Export) -> Body {
    Body::from_stream(stream::try_unfold(export, |mut export| async move {
        let piece = export.next_piece().await.inspect_err(|error| tracing::error!(%error, "evidence breaks off"))?;
        Ok::<_, byleave_store::StoreError>(piece.map(|piece| (piece, export)))
    }))
}
