using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Resources.Formats;

namespace Calico.Datastore.Resources;

/// <summary>Names of other systems (containers, pods, networks, interfaces) in a form that every reader of the store takes.</summary>
/// <remarks>
/// Container runtimes allow more than the store does: upper case, '_', dots and dashes in a row, any length. A value with such a name is
/// refused by the reader on every other node, upstream's too, and counts as absent there. So a text that does not fit is written otherwise:
/// - what fits and does not begin with the mark stands for itself;
/// - else the mark and the text's UTF-8, each byte but a-z and 0-9 as '-' and two hexadecimal digits: at least one is, so a '-' follows;
/// - where that is too long, the mark and the whole SHA-256 in base 32, in which no '-' is.
/// The three cannot meet, so two texts never have one form.
/// </remarks>
public static class StoredNames
{
    /// <summary>What a written-otherwise name begins with.</summary>
    public const string Mark = "x--";

    /// <summary>Longest name of a resource.</summary>
    public const int MaxLength = 253;

    private const int MaxLabelKey = 63;
    private const string Base32 = "0123456789abcdefghijklmnopqrstuv";

    /// <summary>As (part of) a resource's name: a DNS subdomain.</summary>
    public static string Subdomain(string text) => Form(text, MaxLength, NameFormats.Subdomain(text) is null);

    /// <summary>As a container id, which may have no dots besides.</summary>
    public static string ContainerId(string text) =>
        Form(text, MaxLength, NameFormats.Subdomain(text) is null && !text.Contains('.', StringComparison.Ordinal));

    /// <summary>As a label's key.</summary>
    public static string LabelKey(string text) => Form(text, MaxLabelKey, NameFormats.QualifiedName(text) is null);

    /// <summary>The short form: 55 characters for any text.</summary>
    public static string Digest(string text)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        var name = new StringBuilder(Mark, 55);
        for (var bit = 0; bit < digest.Length * 8; bit += 5)
        {
            var pair = (digest[bit / 8] << 8) | (bit / 8 + 1 < digest.Length ? digest[bit / 8 + 1] : 0);
            name.Append(Base32[(pair >> (11 - (bit % 8))) & 31]);
        }

        return name.ToString();
    }

    private static string Form(string text, int max, bool fits)
    {
        if (fits && text.Length <= max && !text.StartsWith(Mark, StringComparison.Ordinal))
        {
            return text;
        }

        var name = new StringBuilder(Mark);
        foreach (var octet in Encoding.UTF8.GetBytes(text))
        {
            _ = octet is (>= (byte)'a' and <= (byte)'z') or (>= (byte)'0' and <= (byte)'9')
                ? name.Append((char)octet)
                : name.Append(CultureInfo.InvariantCulture, $"-{octet:x2}");
        }

        return name.Length <= max && text.Length > 0 ? name.ToString() : Digest(text);
    }
}
