use serde::Deserialize;
use tiergate_core::{Subject, SubjectKind};

use crate::context::{Actor, ActorKind};

/// What somebody is to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A person of the operator's, who may do everything.
    Admin,
    /// One of the operator's services: reads any subscription and writes usage.
    Service,
}

/// What a token lets its bearer do with what is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Look at it.
    Read,
    /// Change it.
    Write,
}

/// What a member is to an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrganizationRole {
    /// It is theirs.
    Owner,
    /// They run it.
    Admin,
    /// They belong to it.
    Member,
}

/// That somebody belongs to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Membership {
    /// The organization.
    pub id: String,
    /// What they are to it.
    pub role: OrganizationRole,
}

/// Who calls, as their token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The id of the user or service.
    pub id: String,
    /// Where to reach them.
    pub email: Option<String>,
    /// What to call them.
    pub name: Option<String>,
    /// What they are to the operator.
    pub roles: Vec<Role>,
    /// The organizations they belong to.
    pub organizations: Vec<Membership>,
    /// What the token lets them do.
    pub permissions: Vec<Permission>,
}

impl Caller {
    /// Whether they are that to the operator.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether they may see what belongs to `owner`.
    #[must_use]
    pub fn may_read(&self, owner: &Subject) -> bool {
        self.is(Role::Admin)
            || self.is(Role::Service)
            || self.permissions.contains(&Permission::Read)
                && match owner.kind() {
                    SubjectKind::User => owner.id() == self.id,
                    SubjectKind::Organization => self.role_in(owner.id()).is_some(),
                }
    }

    /// Whether they may change what belongs to `owner`.
    #[must_use]
    pub fn may_change(&self, owner: &Subject) -> bool {
        self.is(Role::Admin)
            || self.permissions.contains(&Permission::Write)
                && match owner.kind() {
                    // A service is no user, even if one of them has its name.
                    SubjectKind::User => owner.id() == self.id && !self.is(Role::Service),
                    SubjectKind::Organization => matches!(
                        self.role_in(owner.id()),
                        Some(OrganizationRole::Owner | OrganizationRole::Admin)
                    ),
                }
    }

    /// What they are to an organization, if anything.
    #[must_use]
    pub fn role_in(&self, organization: &str) -> Option<OrganizationRole> {
        self.organizations
            .iter()
            .find(|membership| membership.id == organization)
            .map(|membership| membership.role)
    }

    /// What the audit log says of them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let kind = if self.is(Role::Admin) {
            ActorKind::Admin
        } else if self.is(Role::Service) {
            ActorKind::Service
        } else {
            ActorKind::User
        };
        Actor {
            kind,
            id: self.id.clone(),
        }
    }
}
