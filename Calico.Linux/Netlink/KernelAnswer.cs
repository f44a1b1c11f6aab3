using System.Runtime.InteropServices;

namespace Calico.Linux.Netlink;

/// <summary>What an NLMSG_ERROR says.</summary>
/// <param name="Errno">0 for an ack, otherwise positive.</param>
/// <param name="Text">Extended-ack text, or null.</param>
public readonly record struct KernelAnswer(int Errno, string? Text)
{
    private const ushort NLMSGERR_ATTR_MSG = 1;

    /// <summary>Reads an NLMSG_ERROR or the error number that ends a dump.</summary>
    public static KernelAnswer Read(in NetlinkMessage message)
    {
        var payload = message.Payload;
        if (payload.Length < 4)
        {
            return message.Type == NetlinkMessage.Done ? default : throw new NetlinkFormatException("an error message without a number");
        }

        var errno = Math.Abs(MemoryMarshal.Read<int>(payload));
        if ((message.Flags & NetlinkFlags.AckAttributes) == 0)
        {
            return new KernelAnswer(errno, null);
        }

        var attributes = 4;
        if (message.Type == NetlinkMessage.Error)
        {
            // The request's header is quoted; without NLM_F_CAPPED its body too.
            var quoted = NetlinkWriter.HeaderLength;
            if ((message.Flags & NetlinkFlags.Capped) == 0 && payload.Length >= 8)
            {
                quoted = NetlinkWriter.Align(checked((int)MemoryMarshal.Read<uint>(payload[4..])));
            }

            attributes += quoted;
        }

        string? text = null;
        var reader = new AttributeReader(attributes < payload.Length ? payload[attributes..] : []);
        while (reader.TryRead(out var attribute))
        {
            if (attribute.Type == NLMSGERR_ATTR_MSG)
            {
                text = attribute.Text;
            }
        }

        return new KernelAnswer(errno, text);
    }
}
