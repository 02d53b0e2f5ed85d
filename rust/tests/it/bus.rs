//! `bus`: what is on D-Bus is what the reference says.

use expect_test::expect_file;

/// `UPDATE_EXPECT=1 cargo test` writes it anew.
#[test]
fn the_reference_of_the_interface_is_up_to_date() {
    expect_file!["../../../docs/reference/dbus.xml"]
        .assert_eq(&backupservice::bus::introspection());
}
