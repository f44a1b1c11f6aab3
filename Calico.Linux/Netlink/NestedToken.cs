namespace Calico.Linux.Netlink;

/// <summary>An open nested attribute; hand it to <see cref="NetlinkWriter.EndNested"/>.</summary>
/// <remarks>Holds an offset, not a span: the buffer moves when it grows.</remarks>
public readonly record struct NestedToken(int Offset);
