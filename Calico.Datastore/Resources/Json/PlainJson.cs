using System.Text;

namespace Calico.Datastore.Resources.Json;

/// <summary>Goes through JSON as programs write it: one line, no blanks, ASCII without escapes. It takes nothing that is no JSON; of JSON
/// it takes that alone.</summary>
/// <remarks>Each call either takes what it names, or leaves everything as it is and says so.</remarks>
internal ref struct PlainJson
{
    private readonly ReadOnlySpan<byte> _text;
    private int _at;

    private PlainJson(ReadOnlySpan<byte> text) => _text = text;

    /// <summary>How much has been taken.</summary>
    public readonly int Position => _at;

    /// <summary>Whether everything has been taken.</summary>
    public readonly bool IsAtEnd => _at == _text.Length;

    /// <returns>False: it is not plain.</returns>
    public static bool TryBegin(ReadOnlySpan<byte> text, out PlainJson json)
    {
        json = new(text);
        // Control characters would be blanks between tokens, or wrong within a text.
        return Ascii.IsValid(text) && !text.Contains((byte)'\\') && text.IndexOfAnyInRange((byte)0, (byte)0x1f) < 0;
    }

    /// <summary>One character of the structure.</summary>
    public bool TryTake(char token)
    {
        if (_at < _text.Length && _text[_at] == token)
        {
            _at++;
            return true;
        }

        return false;
    }

    public bool TryTakeNull()
    {
        if (_text[_at..].StartsWith("null"u8))
        {
            _at += 4;
            return true;
        }

        return false;
    }

    /// <summary>A text, without its quotes.</summary>
    public bool TryTakeText(out ReadOnlySpan<byte> text)
    {
        text = default;
        if (_at == _text.Length || _text[_at] != '"')
        {
            return false;
        }

        var length = _text[(_at + 1)..].IndexOf((byte)'"');
        if (length < 0)
        {
            return false;
        }

        text = _text.Slice(_at + 1, length);
        _at += length + 2;
        return true;
    }

    /// <summary>What comes up to a bracket, this included; nothing of it has been read yet.</summary>
    public readonly ReadOnlySpan<byte> PeekTo(char close) =>
        _text[_at..].IndexOf((byte)close) is >= 0 and var length ? _text.Slice(_at, length + 1) : default;

    /// <summary>Passes over what was peeked at.</summary>
    public void Skip(ReadOnlySpan<byte> peeked) => _at += peeked.Length;
}
