//! The object store: the only place that names objects and waits for them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

/// A store of objects; every call waits for its answer.
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Store({})", self.objects)
    }
}

impl Store {
    /// A folder as a store; what is written reaches the disk before the call returns.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn folder(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        let objects =
            LocalFileSystem::new_with_prefix(path).with_context(|| format!("cannot open {}", path.display()))?.with_fsync(true);
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("cannot start the store's runtime")?;
        Ok(Self { objects: Arc::new(objects), runtime })
    }

    /// The bytes of an object; none where there is no such object.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let name = Name::from(name);
        let read = async {
            match self.objects.get(&name).await {
                Ok(found) => found.bytes().await.map(|bytes| Some(bytes.to_vec())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.runtime.block_on(read).with_context(|| format!("cannot read {name}"))
    }

    /// Writes an object whole, over one of the same name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let name = Name::from(name);
        self.runtime
            .block_on(self.objects.put(&name, PutPayload::from(bytes)))
            .with_context(|| format!("cannot write {name}"))?;
        Ok(())
    }

    /// The names of all objects that begin with a folder, in order.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        use futures_util::TryStreamExt as _;
        let prefix = Name::from(folder);
        let found: Vec<_> = self
            .runtime
            .block_on(self.objects.list(Some(&prefix)).try_collect())
            .with_context(|| format!("cannot list {prefix}"))?;
        let mut names: Vec<String> = found.into_iter().map(|meta| meta.location.to_string()).collect();
        names.sort();
        Ok(names)
    }

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn delete(&self, name: &str) -> Result<()> {
        let name = Name::from(name);
        match self.runtime.block_on(self.objects.delete(&name)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot remove {name}")),
        }
    }
}
