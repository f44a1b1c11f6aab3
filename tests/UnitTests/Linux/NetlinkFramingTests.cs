using System.Runtime.InteropServices;
using Calico.Linux;
using Calico.Linux.Netlink;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

public class NetlinkFramingTests
{
    [Test]
    public void A_nested_length_is_right_after_the_buffer_moved()
    {
        using var writer = new NetlinkWriter(capacity: 32);
        writer.BeginMessage(1, NetlinkFlags.Request, 7);
        var outer = writer.BeginNested(2);
        writer.WriteBytes(3, new byte[5000]);
        var inner = writer.BeginNested(4);
        writer.WriteU8(5, 6);
        writer.EndNested(inner);
        writer.EndNested(outer);
        writer.EndMessage();

        var messages = new NetlinkReader(writer.Written);
        Assert.That(messages.TryRead(out var message), Is.True);
        Assert.That((message.Type, message.Sequence, message.Payload.Length), Is.EqualTo(((ushort)1, 7u, 4 + 5004 + 4 + 8)));
        var attributes = new AttributeReader(message.Payload);
        Assert.That(attributes.TryRead(out var first), Is.True);
        Assert.That((first.Type, first.Content.Length), Is.EqualTo(((ushort)2, 5004 + 4 + 8)));
        var nested = first.Nested;
        nested.TryRead(out _);
        nested.TryRead(out var second);
        Assert.That(second.Type, Is.EqualTo(4));
        Assert.That(nested.TryRead(out _), Is.False);
        Assert.That(messages.TryRead(out _), Is.False);
    }

    [Test]
    public void Padding_is_zero_whatever_the_buffer_held_before()
    {
        using var writer = new NetlinkWriter();
        writer.BeginMessage(0, NetlinkFlags.None, 0);
        writer.WriteBytes(1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        writer.EndMessage();
        writer.Clear();
        writer.BeginMessage(0, NetlinkFlags.None, 0);
        writer.WriteU8(1, 0xaa);
        writer.EndMessage();

        Assert.That(Convert.ToHexStringLower(writer.Written[16..]), Is.EqualTo("05000100aa000000"));
    }

    [Test]
    public void Misuse_is_refused()
    {
        using var writer = new NetlinkWriter();
        Assert.Throws<InvalidOperationException>(() => writer.EndMessage());
        writer.BeginMessage(0, NetlinkFlags.None, 0);
        Assert.Throws<InvalidOperationException>(() => writer.BeginMessage(0, NetlinkFlags.None, 0));
        Assert.Throws<NetlinkFormatException>(() => writer.WriteBytes(1, new byte[65_532]));
        var nested = writer.BeginNested(1);
        Assert.Throws<InvalidOperationException>(() => writer.EndMessage());
        writer.WriteBytes(1, new byte[40_000]);
        writer.WriteBytes(1, new byte[40_000]);
        Assert.Throws<NetlinkFormatException>(() => writer.EndNested(nested));
        writer.AbandonMessage();
        Assert.That(writer.Length, Is.Zero);
    }

    [Test]
    public void Lengths_that_lie_are_refused()
    {
        Assert.Throws<NetlinkFormatException>(() => ReadAll(Convert.FromHexString("11000000000000000000000000000000")),
            "longer than it is");
        Assert.Throws<NetlinkFormatException>(() => ReadAll(Convert.FromHexString("0f000000000000000000000000000000")),
            "shorter than a header");
        Assert.Throws<NetlinkFormatException>(() => ReadAll([1, 2, 3]), "cut");
        Assert.Throws<NetlinkFormatException>(() => ReadAll(Message("03000100")), "attribute shorter than its header");
        Assert.Throws<NetlinkFormatException>(() => ReadAll(Message("09000100aabbccdd")), "attribute longer than its container");
        Assert.Throws<NetlinkFormatException>(() => new NetlinkAttribute(1, [1, 2, 3]).U32.ToString());
        Assert.Throws<NetlinkFormatException>(() => new NetlinkAttribute(1, [1, 2, 3]).Address.ToString());
    }

    [Test, Category("fuzz")]
    public void Any_bytes_are_read_to_an_end_or_refused() => Gen.Byte.Array[0, 200].Sample(bytes =>
    {
        try
        {
            ReadAll(bytes);
            ReadAll(Message(Convert.ToHexString(bytes)));
        }
        catch (NetlinkFormatException)
        {
            // The one way to refuse.
        }
    });

    [TestCase("calico", "calico", true)]
    [TestCase("calico\0", "calico", true)]
    [TestCase("calico\0junk", "calico", true)]
    [TestCase("calic", "calico", false)]
    [TestCase("", "", true)]
    [TestCase("caf\u00e9", "caf\u00e9", true)]
    [TestCase("caf\u00e9", "cafe", false)]
    public void Text_is_compared_up_to_its_end(string content, string text, bool same)
    {
        var attribute = new NetlinkAttribute(1, System.Text.Encoding.UTF8.GetBytes(content));
        Assert.That(attribute.TextIs(text), Is.EqualTo(same).And.EqualTo(attribute.Text == text));
    }

    [TestCase("fdffffff" + "14000000 1000 0500 01000000 00000000", 3, null)]
    [TestCase("eaffffff" + "14000000 1000 0500 01000000 00000000" + "0700 0100 6e6f0000", 22, "no", 0x300)]
    [TestCase("eaffffff" + "14000000 1000 0500 01000000 00000000 aabbccdd" + "0700 0100 6e6f0000", 22, "no", 0x200)]
    [TestCase("00000000" + "14000000 1000 0500 01000000 00000000", 0, null)]
    public void An_answer_is_read_with_the_kernels_text(string payload, int errno, string? text, int flags = 0)
    {
        var message = new NetlinkMessage(NetlinkMessage.Error, (NetlinkFlags)flags, 1, 0, Hex(payload));
        Assert.That(KernelAnswer.Read(message), Is.EqualTo(new KernelAnswer(errno, text)));
    }

    [Test]
    public void The_message_of_an_error_names_request_errno_and_text()
    {
        var error = new NetlinkException((int)Errno.NoDevice, "get link x", "a text");
        Assert.That(error.Message, Is.EqualTo("get link x: No such device (errno 19): a text"));
        Assert.That(new NetlinkException((int)Errno.Restart, "commit").Message, Does.Contain("changed since it was read"));
        Assert.That(new NetlinkOverrunException("receive events").Errno, Is.EqualTo(Errno.NoBufferSpace));
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    private static byte[] Message(string payloadHex)
    {
        var payload = Hex(payloadHex);
        var message = new byte[16 + payload.Length];
        MemoryMarshal.Write(message, message.Length);
        payload.CopyTo(message, 16);
        return message;
    }

    private static void ReadAll(ReadOnlySpan<byte> bytes)
    {
        var messages = new NetlinkReader(bytes);
        while (messages.TryRead(out var message))
        {
            var attributes = new AttributeReader(message.Payload);
            while (attributes.TryRead(out var attribute))
            {
                _ = attribute.Text;
            }
        }
    }
}
