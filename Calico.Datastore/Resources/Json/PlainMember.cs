using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.Json;

/// <summary>A member of an object as <see cref="WorkloadEndpointReader"/> reads it: text, texts, map of texts, time, one text and no other,
/// or an object.</summary>
internal abstract class PlainMember(string name)
{
    private const int Places = 1024;

    private readonly byte[] _name = Encoding.UTF8.GetBytes(name);

    /// <summary>A null means what absence does: Go writes one where there is no time.</summary>
    public virtual bool MayBeNull => false;

    /// <param name="shape">Of the object; it says the format.</param>
    /// <param name="name">Of the member.</param>
    /// <param name="isShared">Many have the same.</param>
    public static PlainMember Text(ObjectShape shape, string name, bool isShared = false) =>
        new TextMember(name, (TextShape)shape[name], isShared);

    /// <inheritdoc cref="Text"/>
    public static PlainMember Texts(ObjectShape shape, string name, bool isShared = false) =>
        new ListMember(name, (TextShape)((ListShape)shape[name]).Item, isShared);

    /// <inheritdoc cref="Text"/>
    public static PlainMember Map(ObjectShape shape, string name, bool isShared = false) =>
        new MapMember(name, (MapShape)shape[name], isShared);

    public static PlainMember Time(string name) => new TimeMember(name);

    /// <summary>That text; any other is not plain.</summary>
    public static PlainMember Constant(string name, string text) => new ConstantMember(name, text);

    /// <param name="name">Of the member.</param>
    /// <param name="members">Of the object.</param>
    /// <param name="make">Makes the value of theirs, by their place.</param>
    public static PlainMember Object(string name, PlainMember[] members, Func<object?[], object> make) =>
        new ObjectMember(name, members, make);

    /// <summary>The members by their place in the table; null: there is one that is not plain, or is there twice.</summary>
    public static object?[]? ReadObject(ref PlainJson json, PlainMember[] members)
    {
        var values = new object?[members.Length];
        if (!json.TryTake('{'))
        {
            return null;
        }

        if (json.TryTake('}'))
        {
            return values;
        }

        var (seen, expected) = (0, 0);
        do
        {
            var at = json.TryTakeText(out var name) ? Find(members, name, expected) : -1;
            if (at < 0 || (seen & (1 << at)) != 0 || !json.TryTake(':'))
            {
                return null;
            }

            (seen, expected) = (seen | (1 << at), at + 1);
            var member = members[at];
            if (!(member.MayBeNull && json.TryTakeNull()) && (values[at] = member.Read(ref json)) is null)
            {
                return null;
            }
        }
        while (json.TryTake(','));
        return json.TryTake('}') ? values : null;
    }

    /// <summary>The value that comes next.</summary>
    /// <returns>Null: it is not plain.</returns>
    protected abstract object? Read(ref PlainJson json);

    /// <param name="members">The table.</param>
    /// <param name="name">Which one.</param>
    /// <param name="expected">Where it is if they come in the table's order.</param>
    private static int Find(PlainMember[] members, ReadOnlySpan<byte> name, int expected)
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

    private static string? ReadText(ref PlainJson json, TextShape shape) =>
        json.TryTakeText(out var bytes) && !bytes.IsEmpty && Encoding.ASCII.GetString(bytes) is var text && shape.Fits(text) ? text : null;

    private sealed class TextMember(string name, TextShape shape, bool isShared) : PlainMember(name)
    {
        private readonly ReadBefore<string>? _before = isShared ? new(Places) : null;

        protected override object? Read(ref PlainJson json)
        {
            if (_before is null)
            {
                return ReadText(ref json, shape);
            }

            var behind = json;
            if (behind.TryTakeText(out var piece) && _before.Find(piece) is { } known)
            {
                json = behind;
                return known;
            }

            return ReadText(ref json, shape) is { } text ? _before.Keep(piece, text) : null;
        }
    }

    private sealed class ListMember(string name, TextShape shape, bool isShared) : PlainMember(name)
    {
        private readonly ReadBefore<string[]>? _before = isShared ? new(Places) : null;

        protected override object? Read(ref PlainJson json)
        {
            // Of a list that has a bracket in a text the piece is its beginning: such a one is not remembered.
            var piece = json.PeekTo(']');
            if (_before?.Find(piece) is { } known)
            {
                json.Skip(piece);
                return known;
            }

            var end = json.Position + piece.Length;
            var texts = ReadTexts(ref json);
            return texts is not null && json.Position == end ? _before?.Keep(piece, texts) ?? texts : texts;
        }

        private string[]? ReadTexts(ref PlainJson json)
        {
            if (!json.TryTake('['))
            {
                return null;
            }

            if (json.TryTake(']'))
            {
                return [];
            }

            var texts = new List<string>(1);
            do
            {
                if (ReadText(ref json, shape) is not { } text)
                {
                    return null;
                }

                texts.Add(text);
            }
            while (json.TryTake(','));
            return json.TryTake(']') ? [.. texts] : null;
        }
    }

    private sealed class MapMember(string name, MapShape shape, bool isShared) : PlainMember(name)
    {
        private readonly ReadBefore<ImmutableSortedDictionary<string, string>>? _before = isShared ? new(Places) : null;

        protected override object? Read(ref PlainJson json)
        {
            // As with lists.
            var piece = json.PeekTo('}');
            if (_before?.Find(piece) is { } known)
            {
                json.Skip(piece);
                return known;
            }

            var end = json.Position + piece.Length;
            var map = ReadMap(ref json);
            return map is not null && json.Position == end ? _before?.Keep(piece, map) ?? map : map;
        }

        private ImmutableSortedDictionary<string, string>? ReadMap(ref PlainJson json)
        {
            if (!json.TryTake('{'))
            {
                return null;
            }

            var map = ImmutableSortedDictionary.CreateBuilder<string, string>();
            if (json.TryTake('}'))
            {
                return map.ToImmutable();
            }

            do
            {
                if (!json.TryTakeText(out var key) || !json.TryTake(':') || !json.TryTakeText(out var text)
                    || !TryAdd(map, Encoding.ASCII.GetString(key), Encoding.ASCII.GetString(text)))
                {
                    return null;
                }
            }
            while (json.TryTake(','));
            return json.TryTake('}') ? map.ToImmutable() : null;
        }

        private bool TryAdd(ImmutableSortedDictionary<string, string>.Builder map, string key, string text) =>
            shape.Fits(key, text) && map.TryAdd(key, text);
    }

    private sealed class TimeMember(string name) : PlainMember(name)
    {
        public override bool MayBeNull => true;

        protected override object? Read(ref PlainJson json) => json.TryTakeText(out var bytes)
            && Encoding.ASCII.GetString(bytes) is var text
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
    }

    private sealed class ConstantMember(string name, string text) : PlainMember(name)
    {
        private readonly byte[] _text = Encoding.UTF8.GetBytes(text);

        protected override object? Read(ref PlainJson json) => json.TryTakeText(out var found) && found.SequenceEqual(_text) ? text : null;
    }

    private sealed class ObjectMember(string name, PlainMember[] members, Func<object?[], object> make) : PlainMember(name)
    {
        protected override object? Read(ref PlainJson json) => ReadObject(ref json, members) is { } values ? make(values) : null;
    }
}
