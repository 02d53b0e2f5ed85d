//! Checks of the locations of data, repository and secrets.

use std::path::Path;

use super::check::Checker;
use super::repository::{borg_location, has_password, has_scheme};
use super::{Plan, ProviderKind};
use crate::plan::store_path::STORE_DIR;

impl Checker {
    pub(super) fn sources(&mut self, plan: &Plan) {
        if plan.sources.is_empty() {
            self.add(
                "sources",
                "is empty, so nothing would be saved",
                "Give at least one directory in sourceDirectories",
            );
        }
        for (i, source) in plan.sources.iter().enumerate() {
            let field = format!("sources[{i}]");
            if self.absolute(&field, source) && plan.sources[..i].contains(source) {
                let problem = format!("{} is there twice", source.display());
                self.add(&field, &problem, "Remove one of them");
            }
        }
    }

    pub(super) fn repository(&mut self, plan: &Plan) {
        let repository = &plan.repository;
        match (&repository.path, &repository.credentials.repository) {
            (None, None) => self.add(
                "repository.path",
                "is missing, and there is no pathFile",
                "Set repository.path or repository.pathFile",
            ),
            (Some(_), Some(file)) => self.add(
                "repository.path",
                &format!("is set together with pathFile ({})", file.display()),
                "Set one of repository.path and repository.pathFile",
            ),
            (Some(path), None) if has_password(path) => self.add(
                "repository.path",
                "contains a password, which every user can read in the Nix store",
                "Put the URL into a file and set repository.pathFile to it",
            ),
            (Some(path), None) => self.place(plan, path),
            (None, Some(_)) => {}
        }
        let Some(mount_point) = &repository.mount_point else {
            return;
        };
        let field = "repository.mountPoint";
        if !self.absolute(field, mount_point) {
            return;
        }
        let shown = mount_point.display();
        match repository.local_path() {
            Some(path) if path.starts_with(mount_point) => {}
            Some(path) => self.add(
                field,
                &format!("{} is not below {shown}", path.display()),
                "Give the mount point of the file system with the repository",
            ),
            None => self.add(
                field,
                &format!("{shown} is set, but the repository is not on this machine"),
                "Remove it",
            ),
        }
    }

    /// A repository whose path or URL is known.
    fn place(&mut self, plan: &Plan, path: &str) {
        let field = "repository.path";
        if plan.provider.kind == ProviderKind::Borg
            && let Err((problem, remedy)) = borg_location(path)
        {
            self.add(field, &format!("{path:?} {problem}"), remedy);
            return;
        }
        if path.contains(char::is_control) {
            let problem = format!("{path:?} contains a control character");
            self.add(field, &problem, "Remove it");
        } else if let Some(path) = path.strip_prefix("local:") {
            let problem = "begins with `local:`";
            self.add(field, problem, &format!("Write {path}"));
        } else if has_scheme(path) {
        } else if self.absolute(field, Path::new(path)) {
            self.apart(plan, Path::new(path));
        }
    }

    /// A repository must neither be backed up into itself nor be overwritten by a restore.
    fn apart(&mut self, plan: &Plan, repository: &Path) {
        let field = "repository.path";
        let shown = repository.display();
        if repository == Path::new("/") || repository.starts_with(STORE_DIR) {
            let problem = format!("{shown} cannot hold a repository");
            self.add(
                field,
                &problem,
                "Choose a directory such as /srv/backup/NAME",
            );
        }
        for source in plan.sources.iter().filter(|path| path.is_absolute()) {
            let problem = if repository.starts_with(source) {
                format!("{shown} is inside the source {}", source.display())
            } else if source.starts_with(repository) {
                format!("the source {} is inside {shown}", source.display())
            } else {
                continue;
            };
            self.add(field, &problem, "Move the repository out of the sources");
        }
    }

    pub(super) fn credentials(&mut self, plan: &Plan) {
        let credentials = &plan.repository.credentials;
        for (name, file) in [
            ("password", Some(&credentials.password)),
            ("repository", credentials.repository.as_ref()),
            ("environment", credentials.environment.as_ref()),
            ("sshKey", credentials.ssh_key.as_ref()),
            ("sshKnownHosts", credentials.ssh_known_hosts.as_ref()),
        ] {
            let field = format!("repository.credentials.{name}");
            let Some(file) = file else { continue };
            // Host keys are public, and NixOS keeps them in the store.
            let secret = name != "sshKnownHosts";
            if self.absolute(&field, file) && secret && file.starts_with(STORE_DIR) {
                self.add(
                    &field,
                    &format!("{} is in the Nix store, which every user can read", file.display()),
                    "Use a file outside of it, such as one of agenix or sops-nix; in Nix, write its path as a string",
                );
            }
        }
    }
}
