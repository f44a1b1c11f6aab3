namespace Calico.Linux.Netlink;

/// <summary>A message does not have the length or shape that its type promises.</summary>
public sealed class NetlinkFormatException(string message) : Exception(message)
{
}
