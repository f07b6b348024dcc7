//! What the installation's own log makes of it: which employees there are, and their keys.

use std::collections::{BTreeMap, BTreeSet};

use byleave_core::event::{Entry, Event};
use byleave_core::id::{EmployeeId, EmployeeKeyId};

use super::problem::Problem;

/// The installation as of one entry of its log.
#[derive(Debug, Default)]
pub struct Installation {
    created: bool,
    employees: BTreeMap<EmployeeId, BTreeSet<EmployeeKeyId>>,
    disabled: BTreeSet<EmployeeId>,
}

impl Installation {
    /// Its employees with their keys.
    pub const fn employees(&self) -> &BTreeMap<EmployeeId, BTreeSet<EmployeeKeyId>> {
        &self.employees
    }

    /// Whether an employee is disabled.
    pub fn is_disabled(&self, employee: EmployeeId) -> bool {
        self.disabled.contains(&employee)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "events of organizations never come here, others change nothing"
    )]
    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), Problem> {
        match &entry.event {
            Event::InstallationCreated { .. } if self.created || entry.index != 0 => {
                Err(Problem::Twice { what: "installation" })
            }
            Event::InstallationCreated { .. } => {
                self.created = true;
                Ok(())
            }
            Event::EmployeeAdded { employee } => match self.employees.insert(*employee, BTreeSet::new()) {
                Some(_) => Err(Problem::Twice { what: "employee" }),
                None => Ok(()),
            },
            Event::EmployeeDisabled { employee } => {
                self.keys(*employee)?;
                self.disabled.insert(*employee);
                Ok(())
            }
            Event::EmployeeEnabled { employee } => {
                self.keys(*employee)?;
                self.disabled.remove(employee);
                Ok(())
            }
            Event::EmployeeKeyAdded { employee, employee_key, .. } => match self.keys(*employee)?.insert(*employee_key)
            {
                true => Ok(()),
                false => Err(Problem::Twice { what: "employee key" }),
            },
            Event::EmployeeKeyRemoved { employee, employee_key } => match self.keys(*employee)?.remove(employee_key) {
                true => Ok(()),
                false => Err(Problem::Unknown { what: "employee key" }),
            },
            _ => Ok(()),
        }
    }

    fn keys(&mut self, employee: EmployeeId) -> Result<&mut BTreeSet<EmployeeKeyId>, Problem> {
        self.employees.get_mut(&employee).ok_or(Problem::Unknown { what: "employee" })
    }
}
