using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Calico.TestKit.Hosts;

/// <summary>A container image made of Debian's static busybox alone, so that no registry is asked for one.</summary>
public static class BusyboxImage
{
    public const string Name = "localhost/box:1";

    /// <summary>Name of the same image for containerd's sandboxes; its command sleeps.</summary>
    public const string Pause = "localhost/pause:1";

    private static readonly string[] Applets = ["sh", "sleep", "ip", "ping", "wget", "httpd", "nc", "cat", "echo", "true", "ls", "mkdir"];

    /// <summary>Writes a docker-archive: <c>podman load</c> and <c>ctr images import</c> take it.</summary>
    public static void Write(string path)
    {
        var layer = Layer();
        var layerName = Convert.ToHexStringLower(SHA256.HashData(layer));
        using var file = File.Create(path);
        using var archive = new TarWriter(file, TarEntryFormat.Ustar);
        Add(archive, $"{layerName}.tar", layer);
        var manifest = new JsonArray();
        foreach (var (name, command) in ((string, string[])[])[(Name, ["/bin/sh"]), (Pause, ["/bin/sleep", "1000000"])])
        {
            var config = Encoding.UTF8.GetBytes(new JsonObject
            {
                ["architecture"] = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture
                    == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64",
                ["os"] = "linux",
                ["config"] = new JsonObject
                {
                    ["Cmd"] = new JsonArray([.. command.Select(c => JsonValue.Create(c))]),
                    ["Env"] = new JsonArray("PATH=/bin"),
                    ["WorkingDir"] = "/",
                },
                ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray($"sha256:{layerName}") },
                ["history"] = new JsonArray(new JsonObject { ["created_by"] = name }),
            }.ToJsonString());
            var configName = Convert.ToHexStringLower(SHA256.HashData(config)) + ".json";
            Add(archive, configName, config);
            manifest.Add(new JsonObject
            {
                ["Config"] = configName,
                ["RepoTags"] = new JsonArray(name),
                ["Layers"] = new JsonArray($"{layerName}.tar"),
            });
        }

        Add(archive, "manifest.json", Encoding.UTF8.GetBytes(manifest.ToJsonString()));
    }

    private static byte[] Layer()
    {
        using var memory = new MemoryStream();
        using (var tar = new TarWriter(memory, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var folder in (string[])["bin", "etc", "proc", "sys", "dev", "tmp", "root", "run", "www"])
            {
                tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, folder) { Mode = (UnixFileMode)0b111_101_101 });
            }

            Add(tar, "bin/busybox", File.ReadAllBytes("/bin/busybox"), (UnixFileMode)0b111_101_101);
            foreach (var applet in Applets)
            {
                tar.WriteEntry(new UstarTarEntry(TarEntryType.SymbolicLink, $"bin/{applet}") { LinkName = "busybox" });
            }

            Add(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"u8.ToArray());
            Add(tar, "www/index.html", "hello\n"u8.ToArray());
        }

        return memory.ToArray();
    }

    private static void Add(TarWriter tar, string name, byte[] content, UnixFileMode mode = (UnixFileMode)0b110_100_100) =>
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { Mode = mode, DataStream = new MemoryStream(content) });
}
