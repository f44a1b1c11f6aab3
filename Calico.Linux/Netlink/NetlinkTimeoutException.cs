namespace Calico.Linux.Netlink;

/// <summary>The kernel did not answer in time. Whether it did what was asked is not known.</summary>
public sealed class NetlinkTimeoutException(string request, TimeSpan timeout)
    : NetlinkException((int)Errno.TryAgain, request, $"no answer within {timeout.TotalSeconds:0.#} s")
{
}
