using System.IO.Compression;
using System.Text;
using Calico.Host.Commands;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <content>How they are made, and what is looked at.</content>
public sealed partial class HostilePackagesTests
{
    private PluginCommands From(params string[] feeds) =>
        new(Root, new StringWriter(_output)) { Feeds = feeds, FeedPatience = TimeSpan.FromSeconds(2) };

    private string Published(string version, string adapter = "hello")
    {
        var source = PluginPackage.WriteFolder(Path.Combine(_work, "publish", adapter, version), "Plugins.Hello", (1, 0), adapter);
        PluginPackage.WriteManifest(source, adapter, version, "Plugins.Hello.dll");
        return source;
    }

    private string Package(string version, string file, string? entry = null, string id = "Acme.Hello", string adapter = "hello")
    {
        var path = Path.Combine(_work, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return PluginPackage.WritePackage(path, id, version, Published(version, adapter), entry is null ? [] : ["plugin/" + entry]);
    }

    private static void Change(string package, Action<ZipArchive> change)
    {
        using var archive = ZipFile.Open(package, ZipArchiveMode.Update);
        change(archive);
    }

    private static void Write(ZipArchive archive, string name, string text)
    {
        using var writer = new StreamWriter(archive.CreateEntry(name).Open());
        writer.Write(text);
    }

    /// <summary>A package with two entries of 2^63 - 1 bytes each, as its directory claims.</summary>
    private static byte[] Enormous()
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Write(archive, "a.nuspec",
                "<package><metadata><id>a</id><version>1.0.0</version><authors>a</authors><description>d</description></metadata></package>");
        }

        var whole = stream.ToArray();
        var end = whole.Length - 22;
        var (count, length, start) = (BitConverter.ToUInt16(whole, end + 10), BitConverter.ToInt32(whole, end + 12),
            BitConverter.ToInt32(whole, end + 16));
        using var directory = new MemoryStream();
        using var writer = new BinaryWriter(directory);
        writer.Write(whole, start, length);
        foreach (var name in (string[])["plugin/a", "plugin/b"])
        {
            // APPNOTE 4.3.12, with the extra field 0x0001 of 4.5.3: the length, where 0xffffffff stands for it.
            writer.Write(0x02014b50);
            writer.Write([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            writer.Write(0);
            writer.Write(0);
            writer.Write(uint.MaxValue);
            writer.Write((short)name.Length);
            writer.Write((short)12);
            writer.Write(new byte[14]);
            writer.Write(Encoding.ASCII.GetBytes(name));
            writer.Write((short)1);
            writer.Write((short)8);
            writer.Write(long.MaxValue);
        }

        var entries = directory.ToArray();
        var tail = whole[end..];
        BitConverter.TryWriteBytes(tail.AsSpan(8), (ushort)(count + 2));
        BitConverter.TryWriteBytes(tail.AsSpan(10), (ushort)(count + 2));
        BitConverter.TryWriteBytes(tail.AsSpan(12), entries.Length);
        return [.. whole[..start], .. entries, .. tail];
    }

    private List<string> Installed() =>
        [.. PluginFolder.Scan(Root, (name, _, problem) => Assert.Fail($"{name}: {problem}")).Select(p => p.Version)];

    private void AssertNothingIsThere() => Assert.That(Directory.Exists(Root) ? Directory.GetFileSystemEntries(Root) : [], Is.Empty);

    private string AssertRefused(string source)
    {
        var message = Message(source);
        AssertNothingIsThere();
        return message;
    }

    private string Message(string source)
    {
        var message = Assert.Throws<CalicoException>(() => Install(source))!.Message;
        Assert.That(message, Does.Not.Contain("\n"));
        return message;
    }

    private void Install(string source) => Commands.InstallAsync(source, CancellationToken.None).GetAwaiter().GetResult();
}
