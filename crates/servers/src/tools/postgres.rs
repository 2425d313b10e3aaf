//! PostgreSQL.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::{
    Version, on_path,
    packages::{Packages, Wanted},
    version_of,
};

const OLDEST: Version = Version::new(15, 0, 0);

const WANTED: Wanted = Wanted {
    apt: &["postgresql"],
    dnf: &["postgresql-server"],
    apk: &["postgresql16", "postgresql16-client"],
    brew: &["postgresql@17"],
};

/// Folders that hold one folder per version, and where the programs are in that. Debian, Fedora, Alpine, Homebrew on
/// ARM and on x86, Postgres.app.
const PLACES: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// An installed PostgreSQL that is new enough.
#[derive(Debug, Clone)]
pub struct PostgresBin {
    /// The folder of its programs.
    pub folder: PathBuf,
    /// Its version.
    pub version: Version,
}

impl PostgresBin {
    /// One of its programs. The clients are beside the server, or else (Alpine) on the PATH.
    pub fn program(&self, name: &str) -> PathBuf {
        let beside = self.folder.join(name);
        if beside.is_file() { beside } else { PathBuf::from(name) }
    }

    pub(super) fn find() -> anyhow::Result<Self> {
        if let Some(folder) = std::env::var_os("WEIR_POSTGRES_BIN") {
            let server = Self::at(Path::new(&folder))
                .context("WEIR_POSTGRES_BIN is no folder of PostgreSQL's programs")?;
            ensure!(
                server.version >= OLDEST,
                "WEIR_POSTGRES_BIN holds PostgreSQL {}: {} or newer is needed",
                server.version,
                OLDEST.major()
            );
            return Ok(server);
        }
        // What the PATH offers is what the user wants; otherwise the newest.
        let on_path = on_path("postgres").into_iter().filter_map(|program| {
            // A link on the PATH may lead to the server alone, away from initdb.
            let program = program.canonicalize().ok()?;
            Self::at(program.parent()?)
        });
        let mut elsewhere: Vec<Self> =
            installed_folders().iter().filter_map(|folder| Self::at(folder)).collect();
        elsewhere.sort_by_key(|server| std::cmp::Reverse(server.version));
        on_path.chain(elsewhere).find(|server| server.version >= OLDEST).with_context(|| {
            format!("PostgreSQL {} or newer is missing: `cargo xtask tools` installs it", OLDEST.major())
        })
    }

    fn at(folder: &Path) -> Option<Self> {
        let version = version_of(&folder.join("postgres"))?;
        folder.join("initdb").is_file().then(|| Self { folder: folder.to_path_buf(), version })
    }
}

fn installed_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, inner) in PLACES {
        let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
            folders.push(entry.path().join(inner));
        }
    }
    folders
}

pub(super) fn find_or_install(say: &dyn Fn(&str)) -> anyhow::Result<PostgresBin> {
    if let Ok(server) = PostgresBin::find() {
        return Ok(server);
    }
    let Some(packages) = Packages::of_system() else {
        bail!(
            "PostgreSQL {} or newer is missing and no package manager was found: install it by hand",
            OLDEST.major()
        );
    };
    say(&format!("installing PostgreSQL with {}", packages.name()));
    packages.install(&WANTED)?;
    PostgresBin::find().with_context(|| {
        format!(
            "{} has installed PostgreSQL, but not {} or newer, or in an unusual place: set WEIR_POSTGRES_BIN to the folder of its programs",
            packages.name(),
            OLDEST.major()
        )
    })
}
