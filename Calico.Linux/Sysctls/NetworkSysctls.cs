using Calico.Linux.Namespaces;

namespace Calico.Linux.Sysctls;

/// <summary>The settings under <c>/proc/sys/net</c> of a network namespace.</summary>
/// <remarks>
/// The kernel shows the settings of the namespace that the opening thread is in, whatever the mount; so the files are opened on the
/// broker's thread. Keys are paths below <c>/proc/sys</c>, with slashes: link names may have dots.
/// </remarks>
public sealed class NetworkSysctls(NamespaceBroker broker)
{
    private const string Root = "/proc/sys/";

    /// <summary>A setting of the calling thread's namespace without its line end, or null if the kernel or the link has it not.</summary>
    /// <param name="key"><c>net/ipv4/conf/eth0/rp_filter</c>.</param>
    public static string? Read(string key)
    {
        try
        {
            return File.ReadAllText(PathOf(key)).TrimEnd('\n');
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Sets one of the calling thread's namespace.</summary>
    /// <exception cref="FileNotFoundException">The kernel or the link has no such setting (or <see cref="DirectoryNotFoundException"/>).
    /// </exception>
    /// <exception cref="IOException">The kernel refused the value.</exception>
    public static void Write(string key, string value)
    {
        // Not created: a wrong key must be an error, not a file in a directory that happens to be writable.
        using FileStream file = new(PathOf(key), FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        file.Write(System.Text.Encoding.ASCII.GetBytes(value));
    }

    /// <inheritdoc cref="Read(string)"/>
    public string? Read(NetworkNamespaceFile networkNamespace, string key) => broker.Run(networkNamespace, () => Read(key));

    /// <inheritdoc cref="Write(string, string)"/>
    public void Write(NetworkNamespaceFile networkNamespace, string key, string value) =>
        broker.Run(networkNamespace, () => Write(key, value));

    /// <summary>Sets several in one visit, in order, stopping at the first that fails.</summary>
    public void Write(NetworkNamespaceFile networkNamespace,
        params (string Key, string Value)[] settings) => broker.Run(networkNamespace, () =>
    {
        foreach ((var key, var value) in settings)
        {
            Write(key, value);
        }
    });

    internal static string PathOf(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        var valid = key.StartsWith("net/", StringComparison.Ordinal);
        foreach (var part in key.Split('/'))
        {
            valid &= part is not ("" or "." or "..");
        }

        return valid ? Root + key : throw new ArgumentException($"'{key}' is not a key below net/", nameof(key));
    }
}
