using System.Globalization;
using System.Text;

namespace Calico.Shim.Wire;

/// <summary>File name of a spooled DEL: one per role, container and interface, so that the host can ask with one stat(2) whether a
/// DEL waits before it serves an ADD of the same container.</summary>
/// <remarks>Two calls with one name would lose a DEL, so it holds all of them as they are: what is no letter, digit, '_', '.' or '-' is
/// escaped. Only an id too long for a file's name is cut, with 128 bits of hash.</remarks>
internal static class SpoolName
{
    /// <summary>A file that is still being written ends so; the host leaves it alone.</summary>
    public const string TemporarySuffix = ".tmp";

    /// <summary>A name has 255 bytes, and while it is written also a process id and <see cref="TemporarySuffix"/>.</summary>
    private const int MaxExact = 220;

    private const int MaxReadable = 80;

    public static string Of(ShimRole role, string containerId, string interfaceName)
    {
        var name = new StringBuilder(96).Append(role == ShimRole.Ipam ? 'i' : role == ShimRole.Network ? 'n' : 'm').Append('@');
        Escape(name, containerId);
        name.Append('@');
        Escape(name, interfaceName);
        if (name.Length > MaxExact)
        {
            var exact = name.ToString();
            name.Length = MaxReadable;
            name.Append('@').Append(Hash(exact, 14695981039346656037UL)).Append(Hash(exact, 0x6c62272e07bb0142UL));
        }

        return name.Append(".del").ToString();
    }

    private static void Escape(StringBuilder name, string text)
    {
        foreach (var c in text)
        {
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')
            {
                name.Append(c);
            }
            else
            {
                name.Append('%').Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            }
        }
    }

    // FNV-1a: nothing of the framework's that costs the shim start-up time.
    private static string Hash(string text, ulong hash)
    {
        foreach (var c in text)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }

        return hash.ToString("x16", CultureInfo.InvariantCulture);
    }
}
