using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.Json;

/// <summary>A member of an object as <see cref="WorkloadEndpointReader"/> reads it: text, texts, map of texts, time, or one text and no other.</summary>
internal abstract class PlainMember(string name)
{
    private const int Places = 1024;

    private readonly byte[] _name = Encoding.UTF8.GetBytes(name);

    /// <summary>Its members are read by another table.</summary>
    public bool IsObject => this is NestedMember;

    /// <param name="shape">Of the object; it says the format.</param>
    /// <param name="name">Of the member.</param>
    /// <param name="isShared">Many have the same.</param>
    public static PlainMember Text(ObjectShape shape, string name, bool isShared = false) => new TextMember(name, (TextShape)shape[name], isShared);

    /// <inheritdoc cref="Text"/>
    public static PlainMember Texts(ObjectShape shape, string name, bool isShared = false) => new ListMember(name, (TextShape)((ListShape)shape[name]).Item, isShared);

    /// <inheritdoc cref="Text"/>
    public static PlainMember Map(ObjectShape shape, string name, bool isShared = false) => new MapMember(name, (MapShape)shape[name], isShared);

    public static PlainMember Time(string name) => new TimeMember(name);

    /// <summary>That text; any other is not plain.</summary>
    public static PlainMember Constant(string name, string text) => new ConstantMember(name, text);

    public static PlainMember Object(string name) => new NestedMember(name);

    /// <summary>Place of a member; -1: there is none of that name.</summary>
    /// <param name="members">The table.</param>
    /// <param name="name">Which one.</param>
    /// <param name="expected">Where it is if they come in the table's order.</param>
    public static int Find(PlainMember[] members, ReadOnlySpan<byte> name, int expected)
    {
        for (var i = 0; i < members.Length; i++)
        {
            var at = (expected + i) % members.Length;
            if (name.SequenceEqual(members[at]._name))
            {
                return at;
            }
        }

        return -1;
    }

    /// <summary>The value that the reader stands at; it stands at the value's end afterwards.</summary>
    /// <returns>Null: it is not plain; or what <see cref="IsNull"/> says.</returns>
    public abstract object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8);

    /// <summary>Whether the reader stands at a null that means what absence does.</summary>
    public virtual bool IsNull(in Utf8JsonReader reader) => false;

    private static string? ReadText(ref Utf8JsonReader reader, TextShape shape) =>
        reader.TokenType == JsonTokenType.String && reader.GetString() is { Length: > 0 } text && shape.Fits(text) ? text : null;

    private sealed class TextMember(string name, TextShape shape, bool isShared) : PlainMember(name)
    {
        private readonly ReadBefore<string>? _before = isShared ? new(Places) : null;

        public override object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8)
        {
            if (_before is null || reader.TokenType != JsonTokenType.String)
            {
                return ReadText(ref reader, shape);
            }

            var piece = reader.ValueSpan;
            return _before.Find(piece) ?? (ReadText(ref reader, shape) is { } text ? _before.Keep(piece, text) : null);
        }
    }

    private sealed class ListMember(string name, TextShape shape, bool isShared) : PlainMember(name)
    {
        private readonly ReadBefore<string[]>? _before = isShared ? new(Places) : null;

        public override object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8)
        {
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                return null;
            }

            var behind = reader;
            behind.Skip();
            var piece = utf8[(int)reader.TokenStartIndex..(int)behind.BytesConsumed];
            if (_before?.Find(piece) is { } known)
            {
                reader = behind;
                return known;
            }

            var texts = new List<string>(1);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (ReadText(ref reader, shape) is not { } text)
                {
                    return null;
                }

                texts.Add(text);
            }

            return _before?.Keep(piece, [.. texts]) ?? [.. texts];
        }
    }

    private sealed class MapMember(string name, MapShape shape, bool isShared) : PlainMember(name)
    {
        private readonly ReadBefore<ImmutableSortedDictionary<string, string>>? _before = isShared ? new(Places) : null;

        public override object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            var behind = reader;
            behind.Skip();
            var piece = utf8[(int)reader.TokenStartIndex..(int)behind.BytesConsumed];
            if (_before?.Find(piece) is { } known)
            {
                reader = behind;
                return known;
            }

            var map = ImmutableSortedDictionary.CreateBuilder<string, string>();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var key = reader.GetString()!;
                if (!reader.Read() || reader.TokenType != JsonTokenType.String || reader.GetString() is not { } text || !shape.Fits(key, text) || !map.TryAdd(key, text))
                {
                    return null;
                }
            }

            return _before?.Keep(piece, map.ToImmutable()) ?? map.ToImmutable();
        }
    }

    private sealed class TimeMember(string name) : PlainMember(name)
    {
        public override object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8) => reader.TokenType == JsonTokenType.String
            && DateTimeOffset.TryParse(reader.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

        /// <summary>Go writes one where there is no time.</summary>
        public override bool IsNull(in Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null;
    }

    private sealed class ConstantMember(string name, string text) : PlainMember(name)
    {
        public override object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8) =>
            reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(text) ? text : null;
    }

    private sealed class NestedMember(string name) : PlainMember(name)
    {
        public override object? Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8) => null;
    }
}
