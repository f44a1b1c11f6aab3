using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Calico.Linux.Netlink;

/// <summary>One received message; a view of the receive buffer, valid until the next receive.</summary>
public readonly ref struct NetlinkMessage(ushort type, NetlinkFlags flags, uint sequence, uint portId, ReadOnlySpan<byte> payload)
{
    /// <summary>NLMSG_ERROR: an error, or an ack when its number is 0.</summary>
    public const ushort Error = 2;

    /// <summary>NLMSG_DONE.</summary>
    public const ushort Done = 3;

    public ushort Type { get; } = type;

    public NetlinkFlags Flags { get; } = flags;

    public uint Sequence { get; } = sequence;

    public uint PortId { get; } = portId;

    /// <summary>What follows the header.</summary>
    public ReadOnlySpan<byte> Payload { get; } = payload;

    /// <summary>The family header at the front of the payload.</summary>
    /// <exception cref="NetlinkFormatException">The message is shorter.</exception>
    public T ReadStruct<T>() where T : unmanaged => Payload.Length < Unsafe.SizeOf<T>()
        ? throw new NetlinkFormatException($"message {Type} has {Payload.Length} bytes, its header needs {Unsafe.SizeOf<T>()}")
        : MemoryMarshal.Read<T>(Payload);

    /// <summary>The attributes that follow a family header of type <typeparamref name="T"/>.</summary>
    public AttributeReader Attributes<T>() where T : unmanaged
    {
        var start = NetlinkWriter.Align(Unsafe.SizeOf<T>());
        return new AttributeReader(Payload.Length <= start ? [] : Payload[start..]);
    }
}
