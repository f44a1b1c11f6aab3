using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

public sealed partial class RouteBatch
{
    /// <summary>Sets a neighbour entry, whatever was there.</summary>
    public void SetNeighbour(NeighbourEntry neighbour) =>
        WriteNeighbour(RouteMessages.RTM_NEWNEIGH, NetlinkFlags.Create | NetlinkFlags.Replace, "set", neighbour);

    /// <summary>Deletes a neighbour entry. <see cref="Errno.NoEntry"/>: it is not there.</summary>
    public void DeleteNeighbour(NeighbourEntry neighbour) =>
        WriteNeighbour(RouteMessages.RTM_DELNEIGH, NetlinkFlags.None, "delete", neighbour);

    /// <summary>Sets an entry of a VXLAN device's forwarding table, whatever was there.</summary>
    public void SetForwarding(ForwardingEntry entry) =>
        WriteForwarding(RouteMessages.RTM_NEWNEIGH, NetlinkFlags.Create | NetlinkFlags.Replace, "set", entry);

    /// <summary>Deletes an entry of a VXLAN device's forwarding table. <see cref="Errno.NoEntry"/>: it is not there.</summary>
    public void DeleteForwarding(ForwardingEntry entry) =>
        WriteForwarding(RouteMessages.RTM_DELNEIGH, NetlinkFlags.None, "delete", entry);

    private void WriteNeighbour(ushort type, NetlinkFlags flags, string verb, NeighbourEntry neighbour)
    {
        ArgumentNullException.ThrowIfNull(neighbour);
        Begin(type, flags, $"{verb} neighbour {neighbour}");
        _writer.WriteStruct(new NeighbourHeader
        {
            Family = RouteMessages.FamilyOf(neighbour.Address),
            Index = neighbour.LinkIndex,
            State = (ushort)neighbour.State,
            Flags = neighbour.IsProxy ? NeighbourEntry.NTF_PROXY : (byte)0,
        });
        _writer.WriteAddress(NeighbourEntry.NDA_DST, neighbour.Address);
        if (neighbour.Mac is { } mac)
        {
            _writer.WriteBytes(NeighbourEntry.NDA_LLADDR, mac.GetAddressBytes());
        }

        End();
    }

    private void WriteForwarding(ushort type, NetlinkFlags flags, string verb, ForwardingEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        Begin(type, flags, $"{verb} forwarding {entry}");
        _writer.WriteStruct(new NeighbourHeader
        {
            Family = RouteMessages.AF_BRIDGE,
            Index = entry.LinkIndex,
            State = (ushort)(NeighbourStates.Permanent | NeighbourStates.NoArp),
            Flags = NeighbourEntry.NTF_SELF,
        });
        _writer.WriteBytes(NeighbourEntry.NDA_LLADDR, entry.Mac.GetAddressBytes());
        _writer.WriteAddress(NeighbourEntry.NDA_DST, entry.Remote);
        End();
    }
}
