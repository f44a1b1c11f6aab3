using Calico.Host.Plugins;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

[TestFixture]
public sealed class FileBytesTests
{
    private const int Chunk = 128 * 1024;

    private string _root = "";

    [SetUp]
    public void MakeFolder()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("an adapter's files belong to root, so only root can make them");
        }

        _root = PluginPackage.MakeTrustedFolder();
    }

    [TearDown]
    public void DeleteFolder()
    {
        if (_root.Length > 0)
        {
            Directory.Delete(_root, recursive: true);
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(Chunk - 1)]
    [TestCase(Chunk)]
    [TestCase(Chunk + 1)]
    [TestCase(3 * Chunk)]
    public void One_byte_more_less_or_other_is_seen_wherever_it_is(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        Assert.That(AreSame(bytes, [.. bytes]));
        Assert.That(AreSame(bytes, [.. bytes, 0]), Is.False, "one more");
        Assert.That(AreSame([.. bytes, 0], bytes), Is.False, "one less");
        foreach (var at in new[] { 0, length / 2, length - 1 }.Where(i => i >= 0 && i < length))
        {
            var other = bytes.ToArray();
            other[at] ^= 0x40;
            Assert.That(AreSame(bytes, other), Is.False, $"another at {at}");
        }
    }

    private bool AreSame(byte[] one, byte[] other)
    {
        var (left, right) = (Path.Combine(_root, "one"), Path.Combine(_root, "other"));
        File.WriteAllBytes(left, one);
        File.WriteAllBytes(right, other);
        return FileBytes.AreSame(left, right);
    }
}
