use tiergate_core::money::Money;

/// An amount of money: whole minor units of a currency, such as cents.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Minor units: 1200 for twelve dollars.
    #[schema(example = 1200)]
    pub amount: i64,
    /// The code of the currency in ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
}

impl Amount {
    /// An amount in minor units.
    pub fn new(amount: i64, currency: impl Into<String>) -> Self {
        Self {
            amount,
            currency: currency.into(),
        }
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self::new(money.minor_units(), money.currency().code())
    }
}
