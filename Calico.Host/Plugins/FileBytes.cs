using Calico.Linux;

namespace Calico.Host.Plugins;

/// <summary>Compares files of root's. Not by digests: both are here to be read, and no cryptography is loaded for it.</summary>
internal static class FileBytes
{
    private const int Chunk = 128 * 1024;

    /// <summary>Whether both files have the same bytes.</summary>
    /// <exception cref="UntrustedPathException">Others than root may change one.</exception>
    public static bool AreSame(string one, string other)
    {
        using var left = new FileStream(TrustedPath.OpenFile(one), FileAccess.Read, bufferSize: 0);
        using var right = new FileStream(TrustedPath.OpenFile(other), FileAccess.Read, bufferSize: 0);
        var (here, there) = (new byte[Chunk], new byte[Chunk]);
        while (true)
        {
            var read = left.ReadAtLeast(here, Chunk, throwOnEndOfStream: false);
            if (right.ReadAtLeast(there, Chunk, throwOnEndOfStream: false) != read || !here.AsSpan(0, read)
                .SequenceEqual(there.AsSpan(0, read)))
            {
                return false;
            }

            if (read < Chunk)
            {
                return true;
            }
        }
    }
}
