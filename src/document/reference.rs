//! Values inside a document's bytes, borrowed.

use crate::flat_map::FlatMap;
use std::cmp::Ordering;

use super::{Names, VALUE_NESTING, tag};
use crate::bytes::{Malformed, Reader, unzigzag};
use crate::value::Value;

/// A value that lies in a document's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueRef<'a> {
    /// `null`.
    Null,
    /// A JavaScript `bigint`.
    Int64(i64),
    /// A JavaScript `number`.
    Float64(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// Text.
    String(&'a str),
    /// An `ArrayBuffer`.
    Bytes(&'a [u8]),
    /// A list.
    Array(ArrayRef<'a>),
    /// Named fields, ordered by name.
    Object(ObjectRef<'a>),
}

impl<'a> ValueRef<'a> {
    #[inline]
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match reader.u8("value tag")? {
            tag::NULL => ValueRef::Null,
            tag::FALSE => ValueRef::Boolean(false),
            tag::TRUE => ValueRef::Boolean(true),
            tag::INT64 => ValueRef::Int64(unzigzag(reader.varint("int64")?)),
            tag::FLOAT64 => ValueRef::Float64(reader.f64("float64")?),
            tag::INTEGER => ValueRef::Float64(unzigzag(reader.varint("integer")?) as f64),
            tag::STRING | tag::PLAIN_STRING => ValueRef::String(reader.string("string")?),
            tag::BYTES => ValueRef::Bytes(reader.bytes("bytes")?),
            tag::ARRAY => ValueRef::Array(ArrayRef::read(nested(reader, "array")?)?),
            tag::OBJECT => ValueRef::Object(ObjectRef::read(nested(reader, "object")?)?),
            _ => return Err(Malformed("value tag")),
        })
    }

    fn rank(&self) -> u8 {
        match self {
            ValueRef::Null => 1,
            ValueRef::Int64(_) => 2,
            ValueRef::Float64(_) => 3,
            ValueRef::Boolean(_) => 4,
            ValueRef::String(_) => 5,
            ValueRef::Bytes(_) => 6,
            ValueRef::Array(_) => 7,
            ValueRef::Object(_) => 8,
        }
    }

    /// The value with bytes of its own.
    pub(crate) fn to_value(self, names: &Names) -> Result<Value, Malformed> {
        self.to_value_within(names, VALUE_NESTING)
    }

    fn to_value_within(self, names: &Names, levels: usize) -> Result<Value, Malformed> {
        Ok(match self {
            ValueRef::Null => Value::Null,
            ValueRef::Int64(number) => Value::Int64(number),
            ValueRef::Float64(number) => Value::Float64(number),
            ValueRef::Boolean(boolean) => Value::Boolean(boolean),
            ValueRef::String(text) => Value::String(text.to_string()),
            ValueRef::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            ValueRef::Array(array) => {
                let levels = deeper(levels)?;
                let items = array.iter().map(|item| item?.to_value_within(names, levels));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            ValueRef::Object(object) => {
                let levels = deeper(levels)?;
                let mut fields = FlatMap::new();
                for field in object.fields(names) {
                    let (name, value) = field?;
                    fields.insert(name.to_string(), value.to_value_within(names, levels)?);
                }
                Value::Object(fields)
            }
        })
    }

    /// The size that Convex's limits count, in bytes.
    pub(crate) fn size(&self, names: &Names) -> Result<usize, Malformed> {
        self.size_within(names, VALUE_NESTING)
    }

    fn size_within(self, names: &Names, levels: usize) -> Result<usize, Malformed> {
        Ok(match self {
            ValueRef::Null | ValueRef::Boolean(_) => 1,
            ValueRef::Int64(_) | ValueRef::Float64(_) => 9,
            ValueRef::String(text) => 2 + text.len(),
            ValueRef::Bytes(bytes) => 2 + bytes.len(),
            ValueRef::Array(array) => {
                let levels = deeper(levels)?;
                let mut size = 2;
                for item in array.iter() {
                    size += item?.size_within(names, levels)?;
                }
                size
            }
            ValueRef::Object(object) => {
                let levels = deeper(levels)?;
                let mut size = 2;
                for field in object.fields(names) {
                    let (name, value) = field?;
                    size += name.len() + 1 + value.size_within(names, levels)?;
                }
                size
            }
        })
    }

    /// The total order of values. A damaged array or object orders as if it ended at the damage.
    pub(crate) fn compare(&self, other: &ValueRef<'_>, names: &Names) -> Ordering {
        self.compare_within(other, names, VALUE_NESTING)
    }

    fn compare_within(&self, other: &ValueRef<'_>, names: &Names, levels: usize) -> Ordering {
        // Undamaged values never nest so deep that this matters.
        let Ok(inner) = deeper(levels) else {
            return Ordering::Equal;
        };
        match (self, other) {
            (ValueRef::Null, ValueRef::Null) => Ordering::Equal,
            (ValueRef::Int64(a), ValueRef::Int64(b)) => a.cmp(b),
            (ValueRef::Float64(a), ValueRef::Float64(b)) => a.total_cmp(b),
            (ValueRef::Boolean(a), ValueRef::Boolean(b)) => a.cmp(b),
            (ValueRef::String(a), ValueRef::String(b)) => a.cmp(b),
            (ValueRef::Bytes(a), ValueRef::Bytes(b)) => a.cmp(b),
            (ValueRef::Array(a), ValueRef::Array(b)) => {
                let pairs = a.iter().map_while(Result::ok).zip(b.iter().map_while(Result::ok));
                first_difference(pairs.map(|(a, b)| a.compare_within(&b, names, inner)), a.len(), b.len())
            }
            (ValueRef::Object(a), ValueRef::Object(b)) => {
                let pairs = a.fields(names).map_while(Result::ok).zip(b.fields(names).map_while(Result::ok));
                let orders = pairs
                    .map(|((name, a), (other, b))| name.cmp(other).then_with(|| a.compare_within(&b, names, inner)));
                first_difference(orders, a.len(), b.len())
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// The order of this value and one that is not in bytes.
    pub(crate) fn compare_value(&self, other: &Value, names: &Names) -> Ordering {
        self.compare_value_within(other, names, VALUE_NESTING)
    }

    fn compare_value_within(&self, other: &Value, names: &Names, levels: usize) -> Ordering {
        let Ok(inner) = deeper(levels) else {
            return Ordering::Equal;
        };
        match (self, other) {
            (ValueRef::Array(a), Value::Array(b)) => {
                let pairs = a.iter().map_while(Result::ok).zip(b);
                first_difference(pairs.map(|(a, b)| a.compare_value_within(b, names, inner)), a.len(), b.len())
            }
            (ValueRef::Object(a), Value::Object(b)) => {
                let pairs = a.fields(names).map_while(Result::ok).zip(b);
                let orders = pairs.map(|((name, a), (other, b))| {
                    name.cmp(other).then_with(|| a.compare_value_within(b, names, inner))
                });
                first_difference(orders, a.len(), b.len())
            }
            _ => match ValueRef::of(other) {
                Some(other) => self.compare_within(&other, names, levels),
                None => self.rank().cmp(&other.rank()),
            },
        }
    }

    /// A value that is no array and no object, borrowed.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Null => ValueRef::Null,
            Value::Int64(number) => ValueRef::Int64(*number),
            Value::Float64(number) => ValueRef::Float64(*number),
            Value::Boolean(boolean) => ValueRef::Boolean(*boolean),
            Value::String(text) => ValueRef::String(text),
            Value::Bytes(bytes) => ValueRef::Bytes(bytes),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }
}

/// The order of two lists: that of the first items that differ, else the shorter one first.
fn first_difference(mut orders: impl Iterator<Item = Ordering>, a: usize, b: usize) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(a.cmp(&b))
}

/// One level less to go, or an end to bytes that nest without end.
pub(crate) fn deeper(levels: usize) -> Result<usize, Malformed> {
    levels.checked_sub(1).ok_or(Malformed("nesting"))
}

fn nested<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<Reader<'a>, Malformed> {
    let length = reader.u32(what)? as usize;
    Ok(Reader::new(reader.take(length, what)?))
}

/// The length of the value that bytes start with, tag included; `None` when it isn't all there.
///
/// Finding a field means stepping over those before it, so this does without a [`Reader`].
#[inline(always)]
pub(super) fn value_length(bytes: &[u8]) -> Option<usize> {
    let (&tag, rest) = bytes.split_first()?;
    let length = match tag {
        tag::NULL | tag::FALSE | tag::TRUE | tag::UNDEFINED => 0,
        tag::INT64 | tag::INTEGER => 1 + rest.iter().position(|&byte| byte < 0x80)?,
        tag::FLOAT64 => 8,
        tag::STRING | tag::PLAIN_STRING | tag::BYTES => match *rest.first()? {
            short if short < 0x80 => 1 + usize::from(short),
            _ => {
                let mut reader = Reader::new(rest);
                reader.bytes("string or bytes").ok()?;
                reader.position()
            }
        },
        tag::ARRAY | tag::OBJECT => (u32::from_le_bytes(*rest.first_chunk()?) as usize).checked_add(4)?,
        _ => return None,
    };
    (length <= rest.len()).then_some(length + 1)
}

/// A field's name as it is written: a number of the dictionary, or text.
#[derive(Clone, Copy, Debug)]
pub(super) enum NameRef<'a> {
    Id(u32),
    Text(&'a str),
}

impl<'a> NameRef<'a> {
    #[inline]
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.varint("field name")? {
            0 => Ok(NameRef::Text(reader.string("field name")?)),
            id => Ok(NameRef::Id(u32::try_from(id).map_err(|_| Malformed("field name"))?)),
        }
    }

    pub(super) fn text<'b>(self, names: &'b Names) -> Result<&'b str, Malformed>
    where
        'a: 'b,
    {
        match self {
            NameRef::Text(text) => Ok(text),
            NameRef::Id(id) => names.name(id).ok_or(Malformed("number of a field name")),
        }
    }
}

/// An array in a document's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArrayRef<'a> {
    items: &'a [u8],
    length: usize,
}

impl<'a> ArrayRef<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, Malformed> {
        let length = reader.length(reader.remaining(), "array length")?;
        let items = reader.take(reader.remaining(), "array")?;
        Ok(ArrayRef { items, length })
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The items. An error is the last thing the iterator returns.
    pub(crate) fn iter(&self) -> ArrayIter<'a> {
        ArrayIter { reader: Reader::new(self.items), left: self.length }
    }
}

/// Iterates over the items of an [`ArrayRef`].
#[derive(Clone, Debug)]
pub(crate) struct ArrayIter<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Result<ValueRef<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let item = ValueRef::read(&mut self.reader);
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }
}

/// An object in a document's bytes, or the document itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectRef<'a> {
    fields: &'a [u8],
    length: usize,
}

impl<'a> ObjectRef<'a> {
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Self, Malformed> {
        let length = reader.length(reader.remaining(), "number of fields")?;
        let fields = reader.take(reader.remaining(), "fields")?;
        Ok(ObjectRef { fields, length })
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The bytes of the fields, after their count.
    pub(super) fn field_bytes(&self) -> &'a [u8] {
        self.fields
    }

    /// The values without their names. An error is the last thing the iterator returns.
    pub(crate) fn values(&self) -> impl Iterator<Item = Result<ValueRef<'a>, Malformed>> + use<'a> {
        let mut reader = Reader::new(self.fields);
        let mut left = self.length;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let value = NameRef::read(&mut reader).and_then(|_| ValueRef::read(&mut reader));
            if value.is_err() {
                left = 0;
            }
            Some(value)
        })
    }

    /// The fields, ordered by the bytes of their names. An error is the last thing the iterator returns.
    pub(crate) fn fields<'b>(&self, names: &'b Names) -> FieldIter<'b>
    where
        'a: 'b,
    {
        FieldIter { reader: Reader::new(self.fields), left: self.length, names, broken: None }
    }

    /// The field of this name; `None` is `undefined`.
    pub(crate) fn get(&self, name: &str, names: &Names) -> Option<ValueRef<'a>> {
        let wanted = names.id(name);
        let mut rest = self.fields;
        for _ in 0..self.length {
            let found = match *rest.first()? {
                id @ 1..0x80 => {
                    rest = &rest[1..];
                    Some(u32::from(id)) == wanted
                }
                _ => {
                    let mut reader = Reader::new(rest);
                    let found = match NameRef::read(&mut reader).ok()? {
                        NameRef::Id(id) => Some(id) == wanted,
                        NameRef::Text(text) => text == name,
                    };
                    rest = &rest[reader.position()..];
                    found
                }
            };
            if found {
                return ValueRef::read(&mut Reader::new(rest)).ok();
            }
            rest = &rest[value_length(rest)?..];
        }
        None
    }
}

/// Iterates over the fields of an [`ObjectRef`].
#[derive(Clone, Debug)]
pub(crate) struct FieldIter<'a> {
    reader: Reader<'a>,
    left: usize,
    names: &'a Names,
    broken: Option<Malformed>,
}

impl<'a> FieldIter<'a> {
    pub(super) fn broken(names: &'a Names, malformed: Malformed) -> Self {
        FieldIter { reader: Reader::new(&[]), left: 0, names, broken: Some(malformed) }
    }

    fn read(&mut self) -> Result<(&'a str, ValueRef<'a>), Malformed> {
        let name = NameRef::read(&mut self.reader)?.text(self.names)?;
        Ok((name, ValueRef::read(&mut self.reader)?))
    }
}

impl<'a> Iterator for FieldIter<'a> {
    type Item = Result<(&'a str, ValueRef<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(malformed) = self.broken.take() {
            return Some(Err(malformed));
        }
        self.left = self.left.checked_sub(1)?;
        let field = self.read();
        if field.is_err() {
            self.left = 0;
        }
        Some(field)
    }
}
