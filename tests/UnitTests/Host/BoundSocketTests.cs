using System.Net.Sockets;
using System.Runtime.Versioning;
using Calico.Host.Plugins;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

[UnsupportedOSPlatform("windows")]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BoundSocketTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-socket-");

    private string SocketPath => Path.Combine(_folder.FullName, "run", "cni.sock");

    public void Dispose() => _folder.Delete(recursive: true);

    [TestCase(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [TestCase(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite)]
    public void D_a_socket_file_has_the_mode_that_was_asked_and_its_folder_is_written_by_its_owner_only(UnixFileMode mode)
    {
        using var socket = BoundSocket.Bind(new("cni", SocketPath, mode));
        Assert.That(File.GetUnixFileMode(SocketPath), Is.EqualTo(mode));
        Assert.That(File.GetUnixFileMode(Path.GetDirectoryName(SocketPath)!) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite),
            Is.EqualTo(UnixFileMode.None));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(SocketPath)!), Is.EqualTo(new[] { SocketPath }),
            "nothing is left of the name that it had first");
    }

    [Test]
    public async Task A_file_that_nobody_answers_on_is_replaced_and_a_served_one_is_not()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(SocketPath));
        }

        using var socket = BoundSocket.Bind(new("cni", SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite));
        var refusal = Assert.Throws<CalicoException>(() => BoundSocket.Bind(socket.Spec))!;
        Assert.That((refusal.Problem, refusal.Message), Is.EqualTo((Problem.AlreadyExists,
            $"listener 'cni': another process serves {SocketPath}; stop it, or set another path")));
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath));
        using var listening = socket.Duplicate();
        Assert.That((await listening.AcceptAsync()).Connected, Is.True);
    }

    [TestCase("relative.sock")]
    [TestCase("/tmp/%")]
    public void A_path_that_cannot_be_one_is_refused_by_name(string path)
    {
        var refusal = Assert.Throws<CalicoException>(() =>
            BoundSocket.Bind(new("cni", path.Replace("%", new string('x', 110), StringComparison.Ordinal), UnixFileMode.UserRead)))!;
        Assert.That((refusal.Problem, refusal.Path), Is.EqualTo((Problem.Invalid, "cni")));
    }
}
