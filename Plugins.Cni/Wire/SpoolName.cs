using System.Globalization;

namespace Calico.Plugins.Cni.Wire;

/// <summary>File name of a spooled DEL: one per role, container and interface, so that the host can ask with one stat(2) whether a
/// DEL waits before it serves an ADD of the same container.</summary>
internal static class SpoolName
{
    /// <summary>A file that is still being written ends so; the host leaves it alone.</summary>
    public const string TemporarySuffix = ".tmp";

    private const int MaxReadable = 80;

    public static string Of(ShimRole role, string containerId, string interfaceName)
    {
        Span<char> readable = stackalloc char[Math.Min(containerId.Length, MaxReadable)];
        for (var i = 0; i < readable.Length; i++)
            readable[i] = char.IsAsciiLetterOrDigit(containerId[i]) ? containerId[i] : '_';

        // FNV-1a over role, id and interface: the readable part above may have been cut or mapped.
        var hash = (14695981039346656037UL ^ (byte)role) * 1099511628211UL;
        foreach (var c in containerId)
            hash = (hash ^ c) * 1099511628211UL;
        hash = (hash ^ 0) * 1099511628211UL;
        foreach (var c in interfaceName)
            hash = (hash ^ c) * 1099511628211UL;
        return string.Concat(readable, "-", hash.ToString("x16", CultureInfo.InvariantCulture), ".del");
    }
}
