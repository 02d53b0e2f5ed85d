//! The manual pages.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;

/// Writes a manual page for the program and one for each command that people call.
///
/// # Errors
/// The directory cannot be created or written.
pub fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands = program
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    for command in commands.chain([&program]) {
        let page = Man::new(command.clone());
        let mut file = fs::File::create(directory.join(page.get_filename()))?;
        render(&page, command, &mut file)?;
        file.flush()?;
    }
    Ok(())
}

fn render(page: &Man, command: &Command, file: &mut impl Write) -> io::Result<()> {
    page.render_title(file)?;
    page.render_name_section(file)?;
    page.render_synopsis_section(file)?;
    page.render_description_section(file)?;
    page.render_options_section(file)?;
    if command.has_subcommands() {
        page.render_subcommands_section(file)?;
    }
    let mut rest = Roff::new();
    if let Some(examples) = command.get_after_help() {
        rest.control("SH", ["EXAMPLES"]);
        // As they are to be typed: not filled, and every line for itself.
        rest.control("nf", []);
        for line in examples.to_string().lines().skip(1) {
            rest.text([roman(line.trim())]);
        }
        rest.control("fi", []);
    }
    rest.control("SH", ["SEE ALSO"]);
    rest.text([roman(if command.has_subcommands() {
        "restic(1), borg(1), journalctl(1), systemctl(1)"
    } else {
        "backupservice(1)"
    })]);
    rest.to_writer(file)
}
