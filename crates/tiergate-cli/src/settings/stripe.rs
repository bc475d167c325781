//! The settings of Stripe.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tiergate_billing::record::BillingCycle;
use tiergate_billing::webhook::{PriceMap, PricePlan};
use tiergate_core::Catalog;
use tiergate_stripe::WebhookSecrets;

use super::fault::{Problem, Refused};
use super::nearest::nearest;
use super::origin::Origin;
use super::reader::{Given, Reader};
use super::table::{self, price};
use super::text::echo;
use super::value::line;

/// What the service knows of Stripe.
#[derive(Debug)]
pub(crate) struct StripeSettings {
    /// The secrets that webhooks are signed with; none when webhooks are refused.
    pub(crate) webhook_secrets: Option<WebhookSecrets>,
    pub(crate) publishable_key: Option<PublishableKey>,
    /// The prices that are named by the configuration. Others are found by their lookup keys.
    pub(crate) prices: BTreeMap<PriceName, PriceId>,
}

/// Stripe's key for clients. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishableKey(Box<str>);

impl PublishableKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which price it is: of a tier of the catalog, for a billing cycle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PriceName {
    pub(crate) tier: Box<str>,
    pub(crate) cycle: BillingCycle,
}

impl fmt::Display for PriceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.tier, self.cycle.as_str())
    }
}

/// A price, by Stripe's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PriceId(Box<str>);

impl PriceId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl StripeSettings {
    /// Which price is which plan.
    pub(crate) fn price_map(&self) -> PriceMap {
        let prices = self.prices.iter();
        prices.fold(PriceMap::default(), |map, (name, id)| {
            let plan = PricePlan {
                tier: name.tier.to_string(),
                cycle: name.cycle,
            };
            map.with(id.as_str(), plan)
        })
    }

    /// Reads what the service knows of Stripe. Tiers are looked up in the catalog, if that could be
    /// read.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        catalog: Result<&Catalog, Refused>,
    ) -> Result<Self, Refused> {
        let secrets = reader.optional(&table::STRIPE_WEBHOOK_SECRET, webhook_secrets);
        let secret_key = reader.optional(&table::STRIPE_SECRET_KEY, |_| {
            Err::<std::convert::Infallible, _>(Problem::new(
                "is set, but this version does not call Stripe",
                "do not set it: webhooks need STRIPE_WEBHOOK_SECRET only, and whoever sets a key \
                 would believe that customers are charged",
            ))
        });
        let publishable = reader.optional(&table::STRIPE_PUBLISHABLE_KEY, publishable_key);
        let prices = prices(reader, catalog);
        secret_key?;
        Ok(Self {
            webhook_secrets: secrets?,
            publishable_key: publishable?,
            prices: prices?,
        })
    }
}

fn webhook_secrets(text: &str) -> Result<WebhookSecrets, Problem> {
    // Lists of settings are written with a space after each comma.
    let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
    let text = Zeroizing::new(secrets.join(","));
    WebhookSecrets::parse(&text).map_err(|error| {
        let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
        Problem::new(
            faults.join("; "),
            "copy it from the endpoint's page in Stripe's dashboard; it starts with `whsec_`",
        )
    })
}

fn publishable_key(text: &str) -> Result<PublishableKey, Problem> {
    // Not repeated: it may be the secret key, pasted in the wrong place.
    match line(text)? {
        key if key.starts_with("pk_") => Ok(PublishableKey(key.into())),
        _ => Err(Problem::new(
            "does not start with `pk_`",
            "copy the publishable key from Stripe's dashboard, never the secret one",
        )),
    }
}

/// A price as somebody set it.
struct GivenPrice {
    /// The setting as it was written, for messages.
    written: String,
    /// `pro_monthly`
    name: String,
    id: Result<Given, Refused>,
}

fn prices(
    reader: &mut Reader<'_>,
    catalog: Result<&Catalog, Refused>,
) -> Result<BTreeMap<PriceName, PriceId>, Refused> {
    let mut found: BTreeMap<PriceName, (PriceId, Origin)> = BTreeMap::new();
    let mut outcome = Ok(());
    // Flags come first, then the environment, then the file: what is there already wins.
    for given in given_prices(reader)? {
        let Ok((name, id, origin)) = read_price(reader, &given, catalog) else {
            outcome = Err(Refused);
            continue;
        };
        match found.entry(name) {
            Entry::Vacant(vacant) => {
                vacant.insert((id, origin));
            }
            Entry::Occupied(first) if are_alike(&first.get().1, &origin) => {
                let problem = Problem::new("is set twice in the same way", "keep one of the two");
                outcome = Err(reader.refuse_named(echo(&given.written), origin, problem));
            }
            Entry::Occupied(_) => {}
        }
    }
    let mut seen = BTreeSet::new();
    for (name, (id, origin)) in &found {
        if !seen.insert(id) {
            let problem = Problem::new(
                format!("another price has the id `{}` too", echo(id.as_str())),
                "give each tier and cycle a price of its own: from the id, the tier is found",
            );
            outcome = Err(reader.refuse_named(variable_of(name), origin.clone(), problem));
        }
    }
    outcome?;
    let prices = found.into_iter().map(|(name, (id, _))| (name, id));
    Ok(prices.collect())
}

/// Whether neither wins over the other.
fn are_alike(one: &Origin, other: &Origin) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

fn given_prices(reader: &mut Reader<'_>) -> Result<Vec<GivenPrice>, Refused> {
    let sources = reader.sources;
    let mut given = Vec::new();
    let mut outcome = Ok(());
    for assignment in &sources.flags.prices {
        let origin = Origin::Flag(price::FLAG);
        match assignment.split_once('=') {
            Some((name, id)) => given.push(GivenPrice {
                written: format!("{}{}", price::VARIABLE_PREFIX, name.to_uppercase()),
                name: name.to_lowercase(),
                id: Ok(Given {
                    text: SecretString::from(id),
                    origin,
                }),
            }),
            None => {
                let problem = Problem::new(
                    format!("`{}` has no `=`", echo(assignment)),
                    "write it like `--stripe-price pro_monthly=price_…`",
                );
                let name = format!("{}…", price::VARIABLE_PREFIX);
                outcome = Err(reader.refuse_named(name, origin, problem));
            }
        }
    }
    for (variable, value) in sources.environment.prices() {
        let id = reader.decode(variable, value);
        let name = variable.trim_start_matches(price::VARIABLE_PREFIX);
        given.push(GivenPrice {
            written: variable.to_owned(),
            name: name.to_lowercase(),
            id,
        });
    }
    for (key, value) in reader.file.prices() {
        given.push(GivenPrice {
            written: key.to_uppercase(),
            name: key.trim_start_matches(price::KEY_PREFIX).to_owned(),
            id: Ok(Given {
                text: value.text.clone(),
                origin: Origin::File(value.place.clone()),
            }),
        });
    }
    outcome.map(|()| given)
}

fn read_price(
    reader: &mut Reader<'_>,
    given: &GivenPrice,
    catalog: Result<&Catalog, Refused>,
) -> Result<(PriceName, PriceId, Origin), Refused> {
    let id = given.id.as_ref().map_err(|refused| *refused)?;
    let name = price_name(&given.name).and_then(|name| match catalog {
        Ok(catalog) => in_catalog(name, catalog),
        // What is wrong with the catalog is told already.
        Err(Refused) => Ok(name),
    });
    let price = price_id(id.text.expose_secret());
    let mut refuse =
        |problem| reader.refuse_named(echo(&given.written), id.origin.clone(), problem);
    match (name.map_err(&mut refuse), price.map_err(&mut refuse)) {
        (Ok(name), Ok(price)) => Ok((name, price, id.origin.clone())),
        _ => Err(Refused),
    }
}

fn price_name(text: &str) -> Result<PriceName, Problem> {
    let found = text.rsplit_once('_').and_then(|(tier, cycle)| {
        let cycle = BillingCycle::from_word(cycle)?;
        let tier = tier.into();
        Some(PriceName { tier, cycle })
    });
    let found = found.filter(|name| !name.tier.is_empty());
    found.ok_or_else(|| {
        Problem::new(
            "does not end in a billing cycle",
            "name it after a tier and `MONTHLY` or `ANNUAL`, like `STRIPE_PRICE_PRO_MONTHLY`",
        )
    })
}

fn in_catalog(name: PriceName, catalog: &Catalog) -> Result<PriceName, Problem> {
    if catalog.tier_id(&name.tier).is_some() {
        return Ok(name);
    }
    let keys = || catalog.tiers().map(|(_, tier)| tier.key.as_ref());
    let remedy = match nearest(&name.tier, keys()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let keys: Vec<&str> = keys().take(10).collect();
            format!("name a tier of the catalog: {}", keys.join(", "))
        }
    };
    let what = format!("the catalog has no tier `{}`", echo(&name.tier));
    Err(Problem::new(what, remedy))
}

fn price_id(text: &str) -> Result<PriceId, Problem> {
    const REMEDY: &str = "copy the price's id from Stripe's dashboard; it starts with `price_`";
    // Not repeated: it may be a key, pasted in the wrong place.
    match text.strip_prefix("price_") {
        Some(rest)
            if !rest.is_empty()
                && text.len() <= 255
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') =>
        {
            Ok(PriceId(text.into()))
        }
        Some(_) => Err(Problem::new("is not the id of a price", REMEDY)),
        None if text.starts_with("prod_") => Err(Problem::new(
            "is the id of a product, not of a price",
            REMEDY,
        )),
        None => Err(Problem::new("does not start with `price_`", REMEDY)),
    }
}

fn variable_of(name: &PriceName) -> String {
    let name = name.to_string().to_uppercase();
    format!("{}{name}", price::VARIABLE_PREFIX)
}
