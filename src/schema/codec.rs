//! The stored form of a schema.
//!
//! ```text
//! schema    := 0x01 version:varint next_table:varint next_index:varint source names tables
//! source    := 00 | 01 16 bytes                                    what it was made of (src/schema/wanted.rs)
//! names     := count:varint (string)*                              in order of their ids
//! tables    := count:varint table*                                 ascending by id
//! table     := id:varint name:string number:varint aliases flags:u8 [placement] validator indexes
//! aliases   := count:varint (number:varint)*                       ascending
//! flags     := bit 0 enforced, bit 1 declared, bit 2 incoming, bit 3 leaving; at most one of 1 to 3; bit 4 synced,
//!              bit 5 what it had for documents is to go, and then it is synced, if bit 4 says so; bit 6 documents' rows are to come
//! placement := (00 | 01 field:string root:string | 02) kinds:varint (name:string kind:u8)*    root, within, workspace
//! indexes   := count:varint index*                                 ascending by id
//! index     := id:varint name:string staged:u8 fields state
//! fields    := count:varint (string)*                              paths, as written
//! state     := 00 building, no row yet | 01 building after:bytes | 02 ready | 03 dropping
//! validator := 00 any | 01 null | 02 boolean | 03 int64 | 04 float64 | 05 string | 06 bytes | 07 commitTs
//!            | 08 id table:string | 09 literal value | 0a array validator | 0b record validator validator
//!            | 0c object count:varint (name:string optional:u8 validator)*     ascending by name
//!            | 0d union count:varint validator*
//! ```
//! `string` and `bytes` are a varint length and the bytes, `value` is a document's. There is one encoding of each
//! schema: what decodes, encodes to the same bytes.

use crate::bytes::{Malformed, Reader, Write};
use crate::crdt::IS_BUILT_IN;
use crate::document::{FieldPath, Names, decode_value, encode_value};
use crate::keyspace::{IndexId, TableId};
use crate::schema::evolve::collect_numbers;
use crate::schema::identifier::check_identifier;
use crate::schema::index_keys::IndexPlan;
use crate::schema::parse::MAX_DEPTH;
use crate::schema::placement::{read_stored_placement, write_placement};
use crate::schema::validator::{Field, Validator};
use crate::schema::{Index, IndexState, Moving, Schema, Standing, Table};
use crate::value::Value;
use std::rc::Rc;

const VERSION: u8 = 1;

const ENFORCED: u8 = 1;
const DECLARED: u8 = 2;
const INCOMING: u8 = 4;
const LEAVING: u8 = 8;
const SYNCED: u8 = 16;
const DEPARTING: u8 = 32;
const ARRIVING: u8 = 64;

type Decoded<T> = Result<T, Malformed>;

impl Schema {
    /// What [`decode`](Schema::decode) returns for a schema that a newer Holdfast wrote.
    pub const NEWER_FORMAT: Malformed = Malformed("schema: newer format");

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_u8(VERSION);
        out.put_varint(self.version);
        out.put_varint(self.next_table.into());
        out.put_varint(self.next_index.into());
        match &self.source {
            None => out.put_u8(0),
            Some(source) => {
                out.put_u8(1);
                out.extend_from_slice(source);
            }
        }
        out.put_varint(self.names.len() as u64);
        for name in self.names.iter() {
            out.put_bytes(name.as_bytes());
        }
        out.put_varint(self.tables.len() as u64);
        for table in &self.tables {
            write_table(&mut out, table);
        }
        out
    }

    /// Reads the stored form. [`Schema::NEWER_FORMAT`] is not damage.
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let mut reader = Reader::new(bytes);
        match reader.u8("schema: format")? {
            VERSION => {}
            0 => return Err(Malformed("schema: format")),
            _ => return Err(Schema::NEWER_FORMAT),
        }
        let version = reader.varint("schema: version")?;
        let next_table = read_u32(&mut reader, "schema: next table")?;
        let next_index = read_u32(&mut reader, "schema: next index")?;
        let source = match reader.u8("schema: source")? {
            0 => None,
            1 => reader.take(16, "schema: source")?.first_chunk().copied(),
            _ => return Err(Malformed("schema: source")),
        };
        let names = read_names(&mut reader)?;
        let mut tables: Vec<Table> = Vec::new();
        for _ in 0..reader.length(reader.remaining(), "schema: tables")? {
            let table = read_table(&mut reader)?;
            let ascending = tables.last().is_none_or(|last| last.id < table.id);
            if !ascending || table.id.0 >= next_table || tables.iter().any(|known| is_rival(known, &table)) {
                return Err(Malformed("schema: table ids and names"));
            }
            tables.push(table);
        }
        reader.finish("schema: end")?;
        check_index_ids(&tables, next_index)?;
        let numbers = collect_numbers(&tables).map_err(|_| Malformed("schema: table numbers"))?;
        Ok(Schema { version, names, source, tables, next_table, next_index, numbers })
    }
}

fn write_table(out: &mut Vec<u8>, table: &Table) {
    out.put_varint(table.id.0.into());
    out.put_bytes(table.name.as_bytes());
    out.put_varint(table.number.into());
    out.put_varint(table.aliases.len() as u64);
    for &alias in &table.aliases {
        out.put_varint(alias.into());
    }
    let standing = match table.standing {
        Standing::Settled => 0,
        Standing::Incoming => INCOMING,
        Standing::Leaving => LEAVING,
    };
    let (moving, placement) = match &table.moving {
        Some(Moving::Leaving(next)) if IS_BUILT_IN => (DEPARTING, next),
        Some(Moving::Arriving) if IS_BUILT_IN => (ARRIVING, &table.placement),
        _ => (0, &table.placement),
    };
    let synced = u8::from(placement.is_some()) * SYNCED + moving;
    out.put_u8(u8::from(table.enforced) * ENFORCED + u8::from(table.declared) * DECLARED + standing + synced);
    if let Some(placement) = placement.as_ref().filter(|_| IS_BUILT_IN) {
        write_placement(out, placement);
    }
    write_validator(out, &table.validator);
    out.put_varint(table.indexes.len() as u64);
    for index in &table.indexes {
        write_index(out, index);
    }
}

fn write_index(out: &mut Vec<u8>, index: &Index) {
    out.put_varint(index.id.0.into());
    out.put_bytes(index.name.as_bytes());
    out.put_u8(index.staged.into());
    out.put_varint(index.fields.len() as u64);
    for field in &index.fields {
        out.put_bytes(field.to_string().as_bytes());
    }
    match &index.state {
        IndexState::Building { after: None } => out.put_u8(0),
        IndexState::Building { after: Some(key) } => {
            out.put_u8(1);
            out.put_bytes(key);
        }
        IndexState::Ready => out.put_u8(2),
        IndexState::Dropping => out.put_u8(3),
    }
}

fn write_validator(out: &mut Vec<u8>, validator: &Validator) {
    match validator {
        Validator::Any => out.put_u8(0x00),
        Validator::Null => out.put_u8(0x01),
        Validator::Boolean => out.put_u8(0x02),
        Validator::Int64 => out.put_u8(0x03),
        Validator::Float64 => out.put_u8(0x04),
        Validator::String => out.put_u8(0x05),
        Validator::Bytes => out.put_u8(0x06),
        Validator::CommitTs => out.put_u8(0x07),
        Validator::Id(table) => {
            out.put_u8(0x08);
            out.put_bytes(table.as_bytes());
        }
        Validator::Literal(literal) => {
            out.put_u8(0x09);
            encode_value(literal, &Names::new(), out);
        }
        Validator::Array(element) => {
            out.put_u8(0x0a);
            write_validator(out, element);
        }
        Validator::Record(keys, values) => {
            out.put_u8(0x0b);
            write_validator(out, keys);
            write_validator(out, values);
        }
        Validator::Object(fields) => {
            out.put_u8(0x0c);
            out.put_varint(fields.len() as u64);
            for field in fields {
                out.put_bytes(field.name.as_bytes());
                out.put_u8(field.optional.into());
                write_validator(out, &field.validator);
            }
        }
        Validator::Union(members) => {
            out.put_u8(0x0d);
            out.put_varint(members.len() as u64);
            for member in members {
                write_validator(out, member);
            }
        }
    }
}

fn read_u32(reader: &mut Reader<'_>, what: &'static str) -> Decoded<u32> {
    u32::try_from(reader.varint(what)?).map_err(|_| Malformed(what))
}

fn read_flag(reader: &mut Reader<'_>, what: &'static str) -> Decoded<bool> {
    match reader.u8(what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed(what)),
    }
}

fn read_identifier(reader: &mut Reader<'_>, what: &'static str) -> Decoded<String> {
    let name = reader.string(what)?;
    check_identifier(name).map_err(|_| Malformed(what))?;
    Ok(name.into())
}

fn read_names(reader: &mut Reader<'_>) -> Decoded<Names> {
    let mut names = Names::new();
    for position in 0..reader.length(reader.remaining(), "schema: names")? {
        let id = names.add(reader.string("schema: name")?);
        if id as usize != position + 1 {
            return Err(Malformed("schema: a name twice"));
        }
    }
    Ok(names)
}

fn read_table(reader: &mut Reader<'_>) -> Decoded<Table> {
    let id = TableId(read_u32(reader, "schema: table id")?);
    let name = read_identifier(reader, "schema: table name")?;
    let number = read_u32(reader, "schema: table number")?;
    let mut aliases: Vec<u32> = Vec::new();
    for _ in 0..reader.length(reader.remaining(), "schema: aliases")? {
        let alias = read_u32(reader, "schema: alias")?;
        if alias == number || aliases.last().is_some_and(|&last| last >= alias) {
            return Err(Malformed("schema: aliases"));
        }
        aliases.push(alias);
    }
    let flags = reader.u8("schema: table flags")?;
    if !IS_BUILT_IN && flags & (DEPARTING | ARRIVING) != 0 {
        return Err(Schema::NEWER_FORMAT);
    }
    let standing = match flags & !(ENFORCED | SYNCED | DEPARTING | ARRIVING) {
        0 | DECLARED => Standing::Settled,
        INCOMING => Standing::Incoming,
        LEAVING => Standing::Leaving,
        _ => return Err(Malformed("schema: table flags")),
    };
    if number == 0 || aliases.first() == Some(&0) {
        return Err(Malformed("schema: table number"));
    }
    let placement = if flags & SYNCED != 0 { Some(Rc::new(read_stored_placement(reader)?)) } else { None };
    let (placement, moving) = match flags & (DEPARTING | ARRIVING) {
        0 => (placement, None),
        DEPARTING => (None, Some(Moving::Leaving(placement))),
        ARRIVING if placement.is_some() => (placement, Some(Moving::Arriving)),
        _ => return Err(Malformed("schema: table flags")),
    };
    let validator = read_validator(reader, MAX_DEPTH)?;
    let mut indexes: Vec<Index> = Vec::new();
    for _ in 0..reader.length(reader.remaining(), "schema: indexes")? {
        let index = read_index(reader)?;
        if indexes.last().is_some_and(|last| last.id >= index.id) {
            return Err(Malformed("schema: index ids"));
        }
        indexes.push(index);
    }
    let plan = IndexPlan::new(&indexes);
    let (enforced, declared) = (flags & ENFORCED != 0, flags & DECLARED != 0);
    Ok(Table { id, name, number, aliases, validator, enforced, declared, standing, placement, moving, indexes, plan })
}

/// Of a name there are one settled table and one incoming one, at most.
fn is_rival(a: &Table, b: &Table) -> bool {
    a.standing != Standing::Leaving && a.standing == b.standing && a.name == b.name
}

/// Index ids are unique in the whole database: they are what keys of entries start with.
fn check_index_ids(tables: &[Table], next_index: u32) -> Decoded<()> {
    let mut ids: Vec<u32> = tables.iter().flat_map(|table| &table.indexes).map(|index| index.id.0).collect();
    crate::sort::sort(&mut ids);
    let distinct = ids.is_sorted_by(|a, b| a < b);
    if distinct && ids.last().is_none_or(|&last| last < next_index) {
        Ok(())
    } else {
        Err(Malformed("schema: index ids"))
    }
}

fn read_index(reader: &mut Reader<'_>) -> Decoded<Index> {
    let id = IndexId(read_u32(reader, "schema: index id")?);
    let name = read_identifier(reader, "schema: index name")?;
    let staged = read_flag(reader, "schema: staged")?;
    let mut fields = Vec::new();
    for _ in 0..reader.length(reader.remaining(), "schema: index fields")? {
        let path = reader.string("schema: index field")?;
        if path.split('.').any(|segment| check_identifier(segment).is_err()) {
            return Err(Malformed("schema: index field"));
        }
        fields.push(FieldPath::parse(path));
    }
    let state = match reader.u8("schema: index state")? {
        0 => IndexState::Building { after: None },
        1 => IndexState::Building { after: Some(reader.bytes("schema: built up to")?.to_vec()) },
        2 => IndexState::Ready,
        3 => IndexState::Dropping,
        _ => return Err(Malformed("schema: index state")),
    };
    Ok(Index { id, name, fields, staged, state })
}

fn read_validator(reader: &mut Reader<'_>, depth: usize) -> Decoded<Validator> {
    let depth = depth.checked_sub(1).ok_or(Malformed("schema: validator depth"))?;
    Ok(match reader.u8("schema: validator")? {
        0x00 => Validator::Any,
        0x01 => Validator::Null,
        0x02 => Validator::Boolean,
        0x03 => Validator::Int64,
        0x04 => Validator::Float64,
        0x05 => Validator::String,
        0x06 => Validator::Bytes,
        0x07 => Validator::CommitTs,
        0x08 => Validator::Id(read_identifier(reader, "schema: table of an id")?),
        0x09 => Validator::Literal(read_literal(reader)?),
        0x0a => Validator::Array(Box::new(read_validator(reader, depth)?)),
        0x0b => {
            let keys = read_validator(reader, depth)?;
            Validator::Record(Box::new(keys), Box::new(read_validator(reader, depth)?))
        }
        0x0c => Validator::Object(read_fields(reader, depth)?),
        0x0d => {
            let mut members = Vec::new();
            for _ in 0..reader.length(reader.remaining(), "schema: union")? {
                members.push(read_validator(reader, depth)?);
            }
            Validator::Union(members)
        }
        _ => return Err(Malformed("schema: validator")),
    })
}

fn read_fields(reader: &mut Reader<'_>, depth: usize) -> Decoded<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for _ in 0..reader.length(reader.remaining(), "schema: object")? {
        let name = read_identifier(reader, "schema: field name")?;
        if fields.last().is_some_and(|last| last.name >= name) {
            return Err(Malformed("schema: order of fields"));
        }
        let optional = read_flag(reader, "schema: optional")?;
        fields.push(Field { name, optional, validator: read_validator(reader, depth)? });
    }
    Ok(fields)
}

/// Values have more than one form that can be read; a schema has one, so it is written again and compared.
fn read_literal(reader: &mut Reader<'_>) -> Decoded<Value> {
    let mut ahead = reader.clone();
    let literal = decode_value(&mut ahead, &Names::new())?;
    let mut canonical = Vec::new();
    encode_value(&literal, &Names::new(), &mut canonical);
    let length = ahead.position() - reader.position();
    let scalar = matches!(literal, Value::Boolean(_) | Value::Int64(_) | Value::Float64(_) | Value::String(_));
    if !scalar || reader.take(length, "schema: literal")? != canonical {
        return Err(Malformed("schema: literal"));
    }
    Ok(literal)
}
