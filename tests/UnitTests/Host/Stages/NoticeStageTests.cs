using System.Net.Sockets;
using System.Text;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Stages;

/// <summary>The service manager's protocol: one datagram, and nobody is kept by it.</summary>
[TestFixture]
public sealed class NoticeStageTests
{
    [Test]
    public async Task Whoever_waits_is_told_once_by_file_or_by_name([Values] bool isAbstract)
    {
        var folder = Directory.CreateTempSubdirectory("calico-notice-");
        try
        {
            var path = Path.Combine(folder.FullName, "notify");
            using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            manager.Bind(new UnixDomainSocketEndPoint(isAbstract ? '\0' + path : path));
            await StartAsync(isAbstract ? "@" + path : path);
            var told = new byte[64];
            var length = await manager.ReceiveAsync(told);
            Assert.That((Encoding.UTF8.GetString(told, 0, length), manager.Available), Is.EqualTo(("READY=1", 0)));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("@")]
    [TestCase("/nowhere/at/all")]
    public void Where_nobody_can_be_told_the_host_starts_all_the_same(string? socket) =>
        Assert.That(() => StartAsync(socket), Throws.Nothing);

    [Test]
    public void A_path_that_is_too_long_is_said() => Assert.That(() => StartAsync("/" + new string('x', 500)), Throws.Nothing);

    private static Task StartAsync(string? socket) => new NoticeStage(socket,
        NullLogger<NoticeStage>.Instance).StartAsync(CancellationToken.None);
}
