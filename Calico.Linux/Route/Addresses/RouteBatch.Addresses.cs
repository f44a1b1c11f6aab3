using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

public sealed partial class RouteBatch
{
    /// <summary>Adds an address. <see cref="Errno.Exists"/>: it is there.</summary>
    public void AddAddress(InterfaceAddress address) =>
        WriteAddress(RouteMessages.RTM_NEWADDR, NetlinkFlags.Create | NetlinkFlags.Exclusive, "add", address);

    /// <summary>Takes an address away. <see cref="Errno.AddressNotAvailable"/>: it is not there.</summary>
    public void DeleteAddress(InterfaceAddress address) =>
        WriteAddress(RouteMessages.RTM_DELADDR, NetlinkFlags.None, "delete", address);

    private void WriteAddress(ushort type, NetlinkFlags flags, string verb, InterfaceAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        Begin(type, flags, $"{verb} address {address}");
        _writer.WriteStruct(new AddressHeader
        {
            Family = RouteMessages.FamilyOf(address.Address),
            PrefixLength = (byte)address.PrefixLength,
            Scope = (byte)address.Scope,
            Index = address.LinkIndex,
        });
        _writer.WriteAddress(InterfaceAddress.IFA_LOCAL, address.Address);
        _writer.WriteAddress(InterfaceAddress.IFA_ADDRESS, address.Address);
        var bits = (address.SkipDuplicateDetection ? InterfaceAddress.IFA_F_NODAD : 0)
                    | (address.NoPrefixRoute ? InterfaceAddress.IFA_F_NOPREFIXROUTE : 0);
        if (bits != 0)
        {
            _writer.WriteU32(InterfaceAddress.IFA_FLAGS, bits);
        }

        End();
    }
}
