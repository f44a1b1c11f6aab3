namespace Calico.Linux.Netlink;

/// <summary>What was dumped changed meanwhile, so the listing may have holes or doubles: list again.</summary>
public sealed class NetlinkInterruptedException(string request)
    : NetlinkException((int)Errno.Interrupted, request, "the dump was interrupted by a change")
{
}
