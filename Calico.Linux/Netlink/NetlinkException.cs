using System.ComponentModel;

namespace Calico.Linux.Netlink;

/// <summary>The kernel refused a request, or a call on the socket failed.</summary>
/// <remarks>The message says what was being done, to which object, the error and the kernel's own text if it gave one.</remarks>
public class NetlinkException : Exception
{
    public NetlinkException(int errno, string request, string? kernelText = null, Exception? inner = null)
        : base(Compose(errno, request, kernelText), inner)
    {
        Number = errno;
        Request = request;
        KernelText = kernelText;
    }

    /// <summary>The errno as the kernel gave it, positive.</summary>
    public int Number { get; }

    /// <summary><see cref="Number"/>, to branch on.</summary>
    public Errno Errno => (Errno)Number;

    /// <summary>What was asked, with the object: <c>add route 10.65.0.2/32 dev 12</c>.</summary>
    public string Request { get; }

    /// <summary>Extended-ack text, for example <c>Nexthop has invalid gateway</c>.</summary>
    public string? KernelText { get; }

    private static string Compose(int errno, string request, string? kernelText)
    {
        // The kernel's own ERESTART never reaches the C library's table in a useful wording.
        var meaning = errno == (int)Errno.Restart
            ? "the ruleset changed since it was read" : new Win32Exception(errno).Message;
        return string.IsNullOrEmpty(kernelText)
            ? $"{request}: {meaning} (errno {errno})"
            : $"{request}: {meaning} (errno {errno}): {kernelText}";
    }
}
