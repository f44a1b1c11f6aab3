using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>An element of a set or map, as it is written and as it is listed.</summary>
public readonly record struct NftElement
{
    /// <summary>Empty for the catch-all.</summary>
    public NftValue Key { get; init; }

    /// <summary>Last key, inclusive, of a range in a set whose key has several parts.</summary>
    public NftValue? KeyEnd { get; init; }

    public NftElementFlags Flags { get; init; }

    /// <summary>What a data map yields.</summary>
    public NftValue? Data { get; init; }

    /// <summary>What a verdict map yields.</summary>
    public NftVerdict? Verdict { get; init; }

    /// <summary>What a map of counters yields.</summary>
    public string? Object { get; init; }

    /// <summary>The kernel lists more of it than this library ever writes: a timeout, a comment, expressions. Ignored when written.
    /// </summary>
    public bool IsUnusual { get; init; }

    /// <summary>Member of a set.</summary>
    public static NftElement Of(NftValue key) => new() { Key = key };

    public static NftElement Of(NftValue key, NftVerdict verdict) => new() { Key = key, Verdict = verdict };

    public static NftElement Of(NftValue key, NftValue data) => new() { Key = key, Data = data };

    public static NftElement OfCounter(NftValue key, string counter) => new() { Key = key, Object = counter };

    /// <summary>Matches every key that is not there.</summary>
    public static NftElement CatchAll(NftVerdict verdict) => new() { Flags = NftElementFlags.CatchAll, Verdict = verdict };

    public static NftElement CatchAll(NftValue data) => new() { Flags = NftElementFlags.CatchAll, Data = data };

    /// <summary>A range in a set whose key has several parts: each part from its first to its last value, inclusive.</summary>
    public static NftElement Ranges(NftValue first, NftValue last) => new() { Key = first, KeyEnd = last };

    /// <summary>Where a range of a set with a simple key ends: the first key that is not in it.</summary>
    public static NftElement RangeEnd(NftValue key) => new() { Key = key, Flags = NftElementFlags.IntervalEnd };

    /// <summary>Bytes that it takes in a message, at most.</summary>
    internal int WrittenLength => 64 + Key.Length + (KeyEnd?.Length ?? 0) + (Data?.Length ?? 0)
                                  + 4 * ((Verdict?.Chain?.Length ?? 0) + (Object?.Length ?? 0));

    internal void Write(NetlinkWriter writer, bool withData)
    {
        var element = writer.BeginNested(NftMessages.NFTA_LIST_ELEM);
        if ((Flags & NftElementFlags.CatchAll) == 0)
        {
            NftData.Write(writer, NftMessages.NFTA_SET_ELEM_KEY, Key.Bytes);
        }

        if (Flags != NftElementFlags.None)
        {
            writer.WriteU32BigEndian(NftMessages.NFTA_SET_ELEM_FLAGS, (uint)Flags);
        }

        if (KeyEnd is { } end)
        {
            NftData.Write(writer, NftMessages.NFTA_SET_ELEM_KEY_END, end.Bytes);
        }

        if (withData)
        {
            if (Data is { } data)
            {
                NftData.Write(writer, NftMessages.NFTA_SET_ELEM_DATA, data.Bytes);
            }

            if (Verdict is { } verdict)
            {
                verdict.Write(writer, NftMessages.NFTA_SET_ELEM_DATA);
            }

            if (Object is { } name)
            {
                writer.WriteString(NftMessages.NFTA_SET_ELEM_OBJREF, name);
            }
        }

        writer.EndNested(element);
    }

    internal static NftElement Read(AttributeReader attributes)
    {
        var element = new NftElement();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_SET_ELEM_KEY:
                    element = element with { Key = new NftValue(NftData.ReadValue(a.Nested)) };
                    break;
                case NftMessages.NFTA_SET_ELEM_KEY_END:
                    element = element with { KeyEnd = new NftValue(NftData.ReadValue(a.Nested)) };
                    break;
                case NftMessages.NFTA_SET_ELEM_FLAGS:
                    element = element with { Flags = (NftElementFlags)a.U32BigEndian };
                    break;
                case NftMessages.NFTA_SET_ELEM_DATA:
                    element = NftData.ReadVerdict(a.Nested) is { } verdict
                        ? element with { Verdict = verdict }
                        : element with { Data = new NftValue(NftData.ReadValue(a.Nested)) };
                    break;
                case NftMessages.NFTA_SET_ELEM_OBJREF:
                    element = element with { Object = a.Text };
                    break;
                case NftMessages.NFTA_SET_ELEM_TIMEOUT or NftMessages.NFTA_SET_ELEM_EXPIRATION or NftMessages.NFTA_SET_ELEM_USERDATA
                    or NftMessages.NFTA_SET_ELEM_EXPR or NftMessages.NFTA_SET_ELEM_EXPRESSIONS:
                    element = element with { IsUnusual = true };
                    break;
            }
        }

        return element;
    }
}
