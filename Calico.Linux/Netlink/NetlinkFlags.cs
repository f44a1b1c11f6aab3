namespace Calico.Linux.Netlink;

/// <summary>Flags of a message header (uapi linux/netlink.h).</summary>
// The header reuses the bits above 0xff: their meaning depends on the kind of message.
#pragma warning disable CA1069
[Flags]
public enum NetlinkFlags : ushort
{
    None = 0,

    /// <summary>NLM_F_REQUEST.</summary>
    Request = 0x1,

    /// <summary>NLM_F_MULTI: part of an answer that a DONE ends.</summary>
    Multi = 0x2,

    /// <summary>NLM_F_ACK: answer even when all is well.</summary>
    Ack = 0x4,

    /// <summary>NLM_F_ECHO.</summary>
    Echo = 0x8,

    /// <summary>NLM_F_DUMP_INTR: the set changed while it was dumped.</summary>
    DumpInterrupted = 0x10,

    /// <summary>NLM_F_DUMP = ROOT | MATCH, in a GET request.</summary>
    Dump = 0x300,

    /// <summary>NLM_F_REPLACE, in a NEW request.</summary>
    Replace = 0x100,

    /// <summary>NLM_F_EXCL: fail if it exists.</summary>
    Exclusive = 0x200,

    /// <summary>NLM_F_CREATE.</summary>
    Create = 0x400,

    /// <summary>NLM_F_APPEND.</summary>
    Append = 0x800,

    /// <summary>NLM_F_CAPPED, in an answer: the request is not quoted in full.</summary>
    Capped = 0x100,

    /// <summary>NLM_F_ACK_TLVS, in an answer: attributes with the kernel's text follow.</summary>
    AckAttributes = 0x200,
}
#pragma warning restore CA1069
