namespace Calico.Linux.Netlink;

/// <summary>Reads one message of an answer; must copy what it keeps.</summary>
public delegate void NetlinkVisitor(in NetlinkMessage message);
