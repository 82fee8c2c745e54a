//! `fabric import`, and `fabric export` from a store: no agent is asked.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::context::{Context, Exit};
use super::store::StoreArgs;
use crate::agent::{check_new, check_replacement, is_of_a_fabric};
use crate::client::Answer;
use crate::error::{Refusal, codes};
use crate::model::{Document, from_json_bytes};
use crate::store::etcd::EtcdStore;
use crate::store::{FileStore, Store, Stored};
use crate::validate::{Valid, unheard_copies, validate};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The document; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Into the file of a host without an agent
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Put it in force in place of what is there
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    pub(super) store: StoreArgs,
}

pub(super) async fn import(context: &mut Context<'_>, args: &ImportArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    let (name, text) = super::document::read_text(&args.file)?;
    let document: Document =
        from_json_bytes(&text).map_err(|problem| Refusal::from(problem).in_file(&name).unchanged())?;
    let valid =
        validate(document).map_err(|problems| Refusal::from_problems(problems).in_file(&name).unchanged())?;
    let unheard = unheard_copies(valid.document(), &Document::default());
    if !unheard.is_empty() {
        return Err(Refusal::from_problems(unheard).in_file(&name).unchanged());
    }
    let (to, shown) = open(args)?;
    let store = to.store();
    let base = match store.current().await? {
        Some(there) if !args.replace => return Err(taken(args, &shown, there.revision)),
        Some(there) => {
            to.check(there.revision, there.document, &valid).await?;
            there.revision
        }
        None => 0,
    };
    let stored = Stored {
        revision: base + 1,
        applied_at: crate::wall::stamp(),
        cause: format!("import {name}"),
        document: valid.document().clone(),
    };
    store.commit(base, &stored).await?;
    if context.is_json() {
        let answer = json!({ "store": shown, "revision": stored.revision });
        context
            .output
            .answer_json(Answer::local("imported", &answer).json(), false)?;
    } else {
        let line = format!("imported {name} into {shown} as revision {}", stored.revision);
        context.output.answer(&[line.into()])?;
    }
    Ok(Exit::Done)
}

/// The document of a store, as `fabric apply` and `fabric import` take it.
pub(super) async fn export(context: &mut Context<'_>, args: &StoreArgs) -> Result<Option<Exit>, Refusal> {
    if !args.any() {
        return Ok(None);
    }
    let Some(address) = args.address()? else {
        return Ok(None);
    };
    let store = EtcdStore::open(address, "export")?;
    let Some(stored) = store.current().await? else {
        let sentence = format!("{} holds no fabric", store.address());
        return Err(Refusal::new(codes::STORE_EMPTY, sentence)
            .with_cure("correct the prefix: --store etcd://HOST/PREFIX"));
    };
    if context.is_json() {
        let mut answer = Answer::local(crate::api::kind::DOCUMENT, &stored.document)
            .json()
            .clone();
        answer["revision"] = stored.revision.into();
        context.output.answer_json(&answer, false)?;
    } else {
        let document = serde_json::to_value(&stored.document)
            .map_err(|error| Refusal::new(codes::BUG, format!("the document cannot be written: {error}")))?;
        context.output.answer_json(&document, false)?;
    }
    Ok(Some(Exit::Done))
}

/// Where a document is imported to.
enum To {
    /// Nodes follow it.
    Shared(Box<EtcdStore>),
    File(Box<FileStore>),
}

impl To {
    fn store(&self) -> &dyn Store {
        match self {
            Self::Shared(store) => store.as_ref(),
            Self::File(files) => files.as_ref(),
        }
    }

    /// Refuses in place of another document what an agent would refuse there, on whatever host it runs. One that is not understood any
    /// more is no reason to refuse anything.
    async fn check(&self, base: u64, old: Document, new: &Valid) -> Result<(), Refusal> {
        let (Self::Shared(store), Ok(old)) = (self, validate(old)) else {
            return Ok(());
        };
        check_new(&old, new).map_err(Refusal::unchanged)?;
        let checked = check_replacement(store, base, &old, new).await;
        checked.map_err(Refusal::unchanged)
    }
}

fn open(args: &ImportArgs) -> Result<(To, String), Refusal> {
    // What is in the environment is meant for whoever says nothing.
    let address = match &args.state_dir {
        Some(_) if !args.store.any() => None,
        _ => args.store.address()?,
    };
    match (address, &args.state_dir) {
        (Some(address), None) => {
            let shown = address.to_string();
            let store = EtcdStore::open(address, "import")?;
            Ok((To::Shared(Box::new(store)), shown))
        }
        (None, Some(folder)) => {
            let files = FileStore::open(folder)?;
            if is_of_a_fabric(&files)? {
                return Err(shared(folder));
            }
            Ok((To::File(Box::new(files)), shown(folder)))
        }
        (Some(_), Some(_)) => Err(usage("both a store and a state directory are given")),
        (None, None) => Err(usage("no store is given")),
    }
}

/// Such a node would carry the imported document to all others at its next start.
fn shared(folder: &Path) -> Refusal {
    let folder = folder.display();
    let sentence = format!("{folder} has the copy of a document that several nodes share");
    Refusal::new(codes::STORE_TAKEN, sentence)
        .with_cure(format!(
            "to replace it for all nodes: --store URL --replace; if the node has left them: rm {folder}/fabric.json"
        ))
        .unchanged()
}

fn shown(folder: &Path) -> String {
    folder.display().to_string()
}

fn usage(sentence: &str) -> Refusal {
    Refusal::new(codes::USAGE, sentence)
        .with_cure("give one of --store etcd://HOST/PREFIX and --state-dir DIR")
}

fn taken(args: &ImportArgs, store: &str, revision: u64) -> Refusal {
    let cure = if args.state_dir.is_some() {
        format!("to replace it: --replace; to look at it: cat {store}/document.json")
    } else {
        "to replace it for all nodes: --replace; to look at it: fabric export --store URL".to_owned()
    };
    Refusal::new(
        codes::STORE_TAKEN,
        format!("{store} holds a fabric already, at revision {revision}"),
    )
    .with_cure(cure)
    .unchanged()
}
