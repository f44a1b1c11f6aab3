using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Calico.Linux.Netlink;

namespace Calico.KernelTests.Dataplane;

/// <summary>A table as the kernel lists it, message by message and attribute by attribute, without knowing what they mean: so it can be
/// changed in one place and loaded again.</summary>
/// <remarks>Numbers are those of uapi linux/netfilter/nf_tables.h; the library's own constants are not used, because they are what is
/// tested.</remarks>
internal sealed record RawTable(IReadOnlyList<RawTable.Message> Messages)
{
    private const ushort Subsystem = 10 << 8;
    private const ushort BatchBegin = 16;
    private const ushort BatchEnd = 17;
    private const byte Inet = 1;
    private const ushort DelTable = 2;
    private const ushort NewElements = 12;
    private const ushort NewRule = 6;

    /// <summary>NEW message, GET message, attributes of numbers and counts that the kernel makes, id that a new one must have.</summary>
    private static readonly (ushort New, ushort Get, ushort[] Volatile, ushort Id)[] ObjectKinds =
    [
        (0, 1, [3, 4], 0), (18, 19, [5, 6], 0), (9, 10, [16, 19, 20], 10), (3, 4, [2, 6], 0), (NewRule, 7, [3, 6], 0),
            (NewElements, 13, [], 0),
    ];

    /// <summary>Everything in the table, in an order in which it can be made.</summary>
    public static RawTable Read(NetlinkSocket socket, string table)
    {
        var messages = new List<Message>();
        foreach (var (make, get, @volatile, _) in ObjectKinds)
        {
            if (make != NewElements)
            {
                messages.AddRange(Dump(socket, get, make, [(ushort)1], [table])
                    .Where(m => m.Attributes.Any(a => a.Type == 1 && a.Text == table))
                    .Select(m => m with { Attributes = [.. m.Attributes.Where(a => !@volatile.Contains(a.Type))] }));
                continue;
            }

            foreach (var set in messages.Where(m => m.Type == 9).Select(m => m.Attributes.Single(a => a.Type == 2).Text).ToList())
            {
                messages.AddRange(Dump(socket, get, make, [1, 2], [table, set]));
            }
        }

        return new(messages);
    }

    /// <summary>Deletes the table and makes it as it is here, in one transaction.</summary>
    /// <returns>False: the kernel refused, and nothing changed.</returns>
    public bool TryLoad(NetlinkSocket socket, string table)
    {
        using var writer = new NetlinkWriter(64 * 1024);
        Write(writer, BatchBegin, NetlinkFlags.None, 0, Subsystem >> 8, []);
        Write(writer, Subsystem, NetlinkFlags.Create | NetlinkFlags.Ack, Inet, 0, [Field.OfText(1, table)]);
        Write(writer, Subsystem | DelTable, NetlinkFlags.Ack, Inet, 0, [Field.OfText(1, table)]);
        uint id = 0;
        foreach (var message in Messages)
        {
            var kind = ObjectKinds.Single(k => k.New == message.Type);
            var flags = NetlinkFlags.Create | NetlinkFlags.Ack | (message.Type == NewRule ? NetlinkFlags.Append : NetlinkFlags.None);
            Write(writer, (ushort)(Subsystem | message.Type), flags, Inet, 0,
                kind.Id == 0 ? message.Attributes : [.. message.Attributes, Field.OfNumber(kind.Id, ++id)]);
        }

        Write(writer, BatchEnd, NetlinkFlags.None, 0, Subsystem >> 8, []);
        socket.Send(writer.Written, "load a table");
        var isRefused = false;
        while (socket.TryReceive("load a table", out var datagram))
        {
            var reader = new NetlinkReader(datagram);
            while (reader.TryRead(out var answer))
            {
                isRefused |= answer.Type == NetlinkMessage.Error && MemoryMarshal.Read<int>(answer.Payload) != 0;
            }
        }

        return !isRefused;
    }

    /// <summary>What it is, whatever order the kernel lists things in that have none.</summary>
    public string ToText()
    {
        var lines = new List<string>();
        var places = new Dictionary<string, int>();
        foreach (var message in Messages)
        {
            var place = "";
            if (message.Type == NewRule)
            {
                var chain = message.Attributes.Single(a => a.Type == 2).Text;
                places[chain] = places.GetValueOrDefault(chain) + 1;
                place = $"{chain} {places[chain]:000} ";
            }

            lines.AddRange(message.Type == NewElements
                ? message.Attributes.Where(a => a.Type == 3).SelectMany(a => a.Nested ?? [])
                .Select(e => $"element {message.Attributes[1].Text} {e}")
                : [$"{message.Type} {place}{string.Join(' ', message.Attributes.Where(a => message.Type != 18 || a.Type != 4))}"]);
        }

        lines.Sort(StringComparer.Ordinal);
        return string.Join('\n', lines);
    }

    private static List<Message> Dump(NetlinkSocket socket, ushort get, ushort make, ushort[] types, string[] names)
    {
        using var writer = new NetlinkWriter();
        var sequence = socket.NextSequence();
        writer.BeginMessage((ushort)(Subsystem | get), NetlinkFlags.Request | NetlinkFlags.Dump, sequence);
        writer.WriteStruct(new Header { Family = Inet });
        foreach (var (type, name) in types.Zip(names))
        {
            writer.WriteString(type, name);
        }

        writer.EndMessage();
        var found = new List<Message>();
        socket.Dump(writer, sequence, "walk a table", (in NetlinkMessage message) =>
            found.Add(new(make, Field.Parse(message.Payload[Marshal.SizeOf<Header>()..]) ?? [])));
        return found;
    }

    private static void Write(NetlinkWriter writer, int type, NetlinkFlags flags, byte family, ushort resource,
        IReadOnlyList<Field> attributes)
    {
        writer.BeginMessage((ushort)type, NetlinkFlags.Request | flags, 1);
        writer.WriteStruct(new Header { Family = family, Resource = BinaryPrimitives.ReverseEndianness(resource) });
        foreach (var attribute in attributes)
        {
            attribute.Write(writer);
        }

        writer.EndMessage();
    }

    internal sealed record Message(ushort Type, IReadOnlyList<Field> Attributes);

    /// <summary>An attribute; nested where its content reads as attributes.</summary>
    internal sealed record Field(ushort Type, byte[] Content, IReadOnlyList<Field>? Nested)
    {
        public string Text => Encoding.UTF8.GetString(Content.AsSpan().TrimEnd((byte)0));

        public static Field OfText(ushort type, string text) => new(type, [.. Encoding.UTF8.GetBytes(text), 0], null);

        public static Field OfNumber(ushort type, uint number)
        {
            var content = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(content, number);
            return new(type, content, null);
        }

        public static IReadOnlyList<Field>? Parse(ReadOnlySpan<byte> content)
        {
            var found = new List<Field>();
            while (content.Length >= 4)
            {
                var (length, type) = (MemoryMarshal.Read<ushort>(content), MemoryMarshal.Read<ushort>(content[2..]));
                if (length < 4 || length > content.Length || type is 0 or > 64)
                {
                    return null;
                }

                var inside = content[4..length].ToArray();
                found.Add(new(type, inside, Parse(inside)));
                content = content[Math.Min((length + 3) & ~3, content.Length)..];
            }

            return content.IsEmpty && found.Count > 0 ? found : null;
        }

        public void Write(NetlinkWriter writer)
        {
            if (Nested is null)
            {
                writer.WriteBytes(Type, Content);
                return;
            }

            var nest = writer.BeginNested(Type);
            foreach (var attribute in Nested)
            {
                attribute.Write(writer);
            }

            writer.EndNested(nest);
        }

        public override string ToString() => Nested is null
            ? $"{Type}={Convert.ToHexStringLower(Content)}"
            // What a counter in a rule has counted is no difference; none of ours is there.
            : $"{Type}[{string.Join(' ', Nested)}]";
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public byte Family;
        public byte Version;
        public ushort Resource;
    }
}
