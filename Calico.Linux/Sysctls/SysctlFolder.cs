using System.Runtime.InteropServices;
using System.Text;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Sysctls;

/// <summary>A folder of settings below <c>/proc/sys/net</c> that is opened once, for those that are asked or written for every link.
/// </summary>
/// <remarks>
/// Which namespace's settings it holds is decided when it is opened, by the thread that opens it (the kernel's tree of settings is one per
/// namespace from there on), so later calls may come from any thread and enter no namespace. No lock is taken on the files, and nothing is
/// asked about them: three system calls a setting. Safe from any thread.
/// </remarks>
public sealed class SysctlFolder : IDisposable
{
    /// <summary>A number, or a few words.</summary>
    private const int MostBytes = 128;

    private readonly SafeFileHandle _folder;
    private readonly string _key;

    private SysctlFolder(SafeFileHandle folder, string key) => (_folder, _key) = (folder, key);

    /// <summary>Opens it in the calling thread's namespace; null: the kernel has it not (no IPv6).</summary>
    /// <param name="key"><c>net/ipv6/conf</c>.</param>
    public static SysctlFolder? TryOpen(string key)
    {
        var folder = LibC.OpenPathOnly(NetworkSysctls.PathOf(key));
        if (!folder.IsInvalid)
        {
            return new SysctlFolder(folder, key);
        }

        folder.Dispose();
        return null;
    }

    /// <summary>A setting without its line end; null if the kernel or the link has it not.</summary>
    /// <param name="name"><c>default/disable_ipv6</c>.</param>
    /// <exception cref="IOException">It is there and cannot be read.</exception>
    public string? Read(string name)
    {
        Check(name);
        using var file = LibC.OpenAtReadOnly(_folder, name);
        if (file.IsInvalid)
        {
            return Marshal.GetLastPInvokeError() is (int)Errno.NoEntry ? null : throw Failed("read", name);
        }

        Span<byte> content = stackalloc byte[MostBytes];
        var length = LibC.Read(file, content);
        return length >= 0 ? Encoding.ASCII.GetString(content[..(int)length].TrimEnd((byte)'\n')) : throw Failed("read", name);
    }

    /// <summary>Sets one.</summary>
    /// <exception cref="IOException">There is no such setting, the kernel refused the value, or <c>/proc/sys</c> is read-only.</exception>
    /// <exception cref="UnauthorizedAccessException">This process may not.</exception>
    public void Write(string name, string value)
    {
        Check(name);
        using var file = LibC.OpenAtWriteOnly(_folder, name);
        if (file.IsInvalid || LibC.Write(file, Encoding.ASCII.GetBytes(value)) != value.Length)
        {
            throw Failed($"set to {value}", name);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static void Check(string name)
    {
        if (name.StartsWith('/') || name.Contains("..", StringComparison.Ordinal))
        {
            throw new ArgumentException($"'{name}' is not a setting of the folder", nameof(name));
        }
    }

    private Exception Failed(string what, string name)
    {
        var errno = Marshal.GetLastPInvokeError();
        var text = $"{what}: {NetworkSysctls.PathOf($"{_key}/{name}")}: {Marshal.GetPInvokeErrorMessage(errno)}";
        return errno is (int)Errno.Access or (int)Errno.NotPermitted ? new UnauthorizedAccessException(text) : new IOException(text, errno);
    }
}
