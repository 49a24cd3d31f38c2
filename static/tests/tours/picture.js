/** The test takes a picture when it reads this line; the page must stand still until it has. */
export function picture(name, trigger) {
    return {
        content: `picture of ${name}`,
        trigger,
        run: async () => {
            await new Promise((resolve) => setTimeout(resolve, 500));
            console.log(`picture ${name}`);
            await new Promise((resolve) => setTimeout(resolve, 700));
        },
    };
}
