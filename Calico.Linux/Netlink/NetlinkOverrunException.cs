namespace Calico.Linux.Netlink;

/// <summary>The receive buffer overflowed: answers or events are lost, and what they told must be read anew.</summary>
public sealed class NetlinkOverrunException(string request)
    : NetlinkException((int)Errno.NoBufferSpace, request, "messages from the kernel were lost")
{
}
