using System.Runtime.InteropServices;
using System.Text;

namespace Calico.UnitTests.Linux;

/// <summary>Every byte of netlink messages as text: a line for the header, one for the family's header, one an attribute,
/// what is nested indented.</summary>
internal static class MessageText
{
    private const int HeaderLength = 16;
    private const int AttributeHeaderLength = 4;
    private const int LinkHeaderLength = 16;
    private const ushort NestedFlag = 0x8000;

    public static string Format(ReadOnlySpan<byte> messages, int familyHeaderLength)
    {
        var text = new StringBuilder();
        while (!messages.IsEmpty)
        {
            var length = MemoryMarshal.Read<int>(messages);
            Line(text, 0, messages[..HeaderLength], 4, 2, 2, 4, 4);
            var body = messages[HeaderLength..length];
            Line(text, 0, body[..familyHeaderLength], 4, 4, 4, 4);
            Attributes(text, 1, body[familyHeaderLength..]);
            messages = messages[((length + 3) & ~3)..];
        }

        return text.ToString();
    }

    private static void Attributes(StringBuilder text, int depth, ReadOnlySpan<byte> rest)
    {
        while (!rest.IsEmpty)
        {
            int length = MemoryMarshal.Read<ushort>(rest);
            if (length == 0)
            {
                // Not an attribute: the peer of a veth begins with a link header, whose family is 0.
                Line(text, depth, rest[..LinkHeaderLength], 4, 4, 4, 4);
                rest = rest[LinkHeaderLength..];
                continue;
            }

            var padded = Math.Min((length + 3) & ~3, rest.Length);
            if ((MemoryMarshal.Read<ushort>(rest[2..]) & NestedFlag) != 0)
            {
                Line(text, depth, rest[..AttributeHeaderLength], 2, 2);
                Attributes(text, depth + 1, rest[AttributeHeaderLength..length]);
            }
            else
            {
                Line(text, depth, rest[..padded], 2, 2, padded);
            }

            rest = rest[padded..];
        }
    }

    private static void Line(StringBuilder text, int depth, ReadOnlySpan<byte> bytes, params ReadOnlySpan<int> groups)
    {
        text.Append(' ', depth * 2);
        var first = true;
        foreach (var group in groups)
        {
            var taken = Math.Min(group, bytes.Length);
            if (taken == 0)
            {
                break;
            }

            text.Append(first ? "" : " ").Append(Convert.ToHexStringLower(bytes[..taken]));
            bytes = bytes[taken..];
            first = false;
        }

        text.Append('\n');
    }
}
